//! Payouts as files that payment services take, and as one for people. No cell can be taken for a formula.

use super::csv::csv_row;
use super::text::rfc3339;
use crate::domain::money::Currency;
use crate::domain::partner::Contact;
use crate::domain::payout::Payout;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    /// No heading: address, amount, currency, name of at most 30 characters, note, wallet (PayPal, Send Payouts from the
    /// User Interface).
    PayPal,
    /// To an address, the amount as it arrives (Wise, How do I fill in my batch template?).
    Wise,
}

pub struct Payment {
    pub payout: Payout,
    pub contact: Contact,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("partner {0} has no e-mail address to be paid at")]
    NoAddress(String),
}

/// PayPal's names have at most 30 characters, and ours 32.
const NAME: usize = 30;

pub fn text(format: Format, payments: &[Payment], source: Option<Currency>) -> Result<String, Fault> {
    let mut out = match format {
        Format::Plain => csv_row([
            "id",
            "partner",
            "name",
            "email",
            "amount",
            "currency",
            "status",
            "rail",
            "created_at",
            "settled_at",
        ]),
        Format::PayPal => String::new(),
        Format::Wise => csv_row([
            "name",
            "recipientEmail",
            "paymentReference",
            "receiverType",
            "amountCurrency",
            "amount",
            "sourceCurrency",
            "targetCurrency",
            "type",
        ]),
    };
    for payment in payments {
        out.push_str(&row(format, payment, source)?);
    }
    Ok(out)
}

fn row(format: Format, payment: &Payment, source: Option<Currency>) -> Result<String, Fault> {
    let Payment { payout, contact } = payment;
    let (id, amount, currency) = (payout.id.to_string(), payout.money.decimal(), payout.money.currency);
    let address = contact.paid_at();
    let needed = || address.ok_or_else(|| Fault::NoAddress(payout.partner.to_string()));
    Ok(match format {
        Format::Plain => csv_row([
            &id,
            &payout.partner.to_string(),
            &contact.name,
            address.unwrap_or_default(),
            &amount,
            currency.as_str(),
            payout.state.word(),
            payout.rail.word(),
            &rfc3339(payout.made_at),
            &payout.settled_at().map(rfc3339).unwrap_or_default(),
        ]),
        Format::PayPal => {
            let note = format!("Payout {id}");
            csv_row([needed()?, &amount, currency.as_str(), &id[..NAME], &note, "PAYPAL"])
        }
        Format::Wise => csv_row([
            &contact.name,
            needed()?,
            &id[..NAME],
            "PERSON",
            "target",
            &amount,
            source.unwrap_or(currency).as_str(),
            currency.as_str(),
            "EMAIL",
        ]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::At;
    use crate::domain::id::Id;
    use crate::domain::money::Money;
    use crate::domain::partner::Rail;
    use crate::domain::payout::PayoutState;

    fn payment(name: &str, email: Option<&str>, minor: i64, currency: &str) -> Payment {
        let payout = Payout {
            id: Id([0xab; 16]),
            partner: Id([1; 16]),
            campaign: "creators".into(),
            money: Money::new(minor, Currency::parse(currency).unwrap()),
            counted: minor,
            conversions: 1,
            rail: Rail::Csv,
            state: PayoutState::Sent { at: At(0) },
            order: None,
            trouble: None,
            made_at: At(0),
        };
        let contact = Contact { name: name.into(), email: email.map(Into::into), ..Contact::default() };
        Payment { payout, contact }
    }

    #[test]
    fn shapes() {
        let (id, short) = ("ab".repeat(16), "ab".repeat(15));
        let jen = [payment("Jen, Ltd", Some("jen@example.com"), 1_050, "USD")];
        let yen = [payment("=cmd|'/c calc'!A1", Some("+jo@example.com"), 300, "JPY")];
        let eur = Currency::parse("EUR");
        for (format, payments, source, expected) in [
            (Format::PayPal, &jen, None, format!("jen@example.com,10.50,USD,{short},Payout {id},PAYPAL\r\n")),
            (Format::PayPal, &yen, None, format!("'+jo@example.com,300,JPY,{short},Payout {id},PAYPAL\r\n")),
            (
                Format::Wise,
                &yen,
                eur,
                format!(
                    "name,recipientEmail,paymentReference,receiverType,amountCurrency,amount,sourceCurrency,targetCurrency,type\r\n\
                     '=cmd|'/c calc'!A1,'+jo@example.com,{short},PERSON,target,300,EUR,JPY,EMAIL\r\n"
                ),
            ),
            (
                Format::Plain,
                &jen,
                None,
                format!(
                    "id,partner,name,email,amount,currency,status,rail,created_at,settled_at\r\n\
                     {id},{},\"Jen, Ltd\",jen@example.com,10.50,USD,sent,csv,1970-01-01T00:00:00Z,\r\n",
                    "01".repeat(16)
                ),
            ),
        ] {
            assert_eq!(text(format, payments, source), Ok(expected), "{format:?}");
        }
        let nobody = [payment("Jo", None, 1, "USD")];
        assert!(text(Format::PayPal, &nobody, None).is_err() && text(Format::Plain, &nobody, None).is_ok());
    }
}
