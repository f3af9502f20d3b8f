//! Affiliates of another programme become partners. One who is known by their address stays as they are.

use super::super::listed::{self, Listed};
use super::super::{BODY_MAX as LIST_MAX, body, is_dry};
use super::*;
use crate::domain::decide::By;
use crate::domain::id::Id;
use crate::domain::partner::Coupon;
use crate::http::route::{CAMPAIGN, DRY_RUN};
use crate::ledger::Ledger;
use crate::ledger::bring::Trial;
use crate::wire::affiliate_list::{self, Affiliate, percent};
use std::collections::HashMap;

/// What holds for those of whom the list does not say it.
pub struct Terms {
    pub campaign: String,
    pub commission: Option<BasisPoints>,
    /// Of the `price` or of the `proceeds`.
    pub of: String,
    /// As in the body of a partner, `first`, `always` or `{"months": …}`.
    pub recurring: Value,
    pub rail: String,
    pub is_dry: bool,
    pub by: By,
    pub now: At,
}

/// `first`, `always`, or a number of months.
pub fn recurring(text: &str) -> Value {
    text.parse::<u32>().map_or_else(|_| text.into(), |months| object!({"months": months}))
}

const TERMS: &[Query] = &[
    Query::maybe("commission", "text", "What they earn where the list does not say it: a percentage, as 20 or 12.5%."),
    Query::maybe("of", "base", "Of what."),
    Query::maybe("recurring", "text", "Of which payments: `first`, `always`, or a number of months."),
    Query::maybe("rail", "rail", "How they are paid."),
];

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        post(Who::Admin, "/import/partners", import, "Takes in affiliates of another programme")
            .query(&[CAMPAIGN, DRY_RUN])
            .query(TERMS)
            .takes(CSV)
            .answers(200, Content::One("list_answer")),
    ]
}

async fn import(
    State(admin): State<Arc<Admin>>,
    Path(target): Parts,
    uri: Uri,
    content: Body,
) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let known = ["campaign", "commission", "of", "recurring", "rail", "dry_run"];
    let [campaign, commission, of, every, rail, dry] = query(&uri, known)?;
    let share = commission
        .map(|text| percent(&text))
        .map(|share| share.ok_or_else(|| Problem::bad_request("commission is a percentage, as 20 or 12.5%")));
    let terms = Terms {
        campaign: app.campaign(campaign.as_deref())?.policy.campaign.clone(),
        commission: share.transpose()?,
        of: of.unwrap_or("price".to_owned()),
        recurring: recurring(every.as_deref().unwrap_or("always")),
        rail: rail.unwrap_or("none".to_owned()),
        is_dry: is_dry(dry),
        by: by(None),
        now: app.clock.now(),
    };
    let content = body(content, LIST_MAX).await?;
    Ok(ok(&take(&app.ledger, &app.config, &terms, &content).await?))
}

/// A partner of the campaign.
struct Known {
    partner: Partner,
    contact: Contact,
}

pub async fn take(ledger: &Ledger, config: &config::App, terms: &Terms, content: &[u8]) -> Result<Value, Problem> {
    let _one_at_a_time = ledger.one_at_a_time().await;
    let campaign = config.campaigns.iter().find(|campaign| campaign.policy.campaign == terms.campaign);
    if campaign.is_none_or(|campaign| campaign.policy.payout.is_none()) {
        return Err(Fail::Refused(Refusal::NotForPartners).into());
    }
    read_recurring(&terms.recurring)?;
    read_rail(&terms.rail)?;
    let (mut table, listed) = listed::read(content, affiliate_list::COLUMNS)?;
    let known = by_address(ledger, &terms.campaign)?;
    let snapshot = ledger.snapshot();
    let trial = terms.is_dry.then(|| Trial::of(&snapshot, terms.now));
    let mut taking = Taking { ledger, config, terms, trial, known, listed };
    for (line, row) in table.rows() {
        taking.listed.count("rows", 1);
        match row.and_then(|row| affiliate_list::affiliate(&row)) {
            Err(why) => taking.listed.refuse(line, "malformed", &why),
            Ok(one) => match taking.one(line, &one).await {
                Err(problem) if problem.status.is_server_error() => return Err(problem),
                Err(problem) => taking.listed.refuse(line, problem.name, &problem.detail),
                Ok(()) => {}
            },
        }
    }
    Ok(taking.listed.json(terms.is_dry))
}

fn by_address(ledger: &Ledger, campaign: &str) -> Result<HashMap<String, Known>, Problem> {
    let store = ledger.snapshot();
    let is_one = |row: &Partner| row.campaign == campaign && !row.is_erased();
    let mut known = HashMap::new();
    for partner in list::rows(&*store, None, usize::MAX, is_one)?.items {
        let Some(contact) = people::contact(&*store, partner.id)? else { continue };
        if let Some(email) = contact.email.as_deref().map(str::to_lowercase) {
            known.insert(email, Known { partner, contact });
        }
    }
    Ok(known)
}

struct Taking<'a> {
    ledger: &'a Ledger,
    config: &'a config::App,
    terms: &'a Terms,
    /// Where nothing is to be written.
    trial: Option<Trial<'a>>,
    known: HashMap<String, Known>,
    listed: Listed,
}

impl Taking<'_> {
    async fn one(&mut self, line: usize, one: &Affiliate) -> Result<(), Problem> {
        let key = one.email.to_lowercase();
        if let Some(known) = self.known.get(&key) {
            let differences = differences(known, one);
            if !differences.is_empty() {
                self.listed.name(line, "differs", &format!("left as it is here: {}", differences.join(", ")));
            }
            self.listed.count("known", 1);
        } else {
            let (make, contact) = self.body(one).fresh()?;
            let entry = Entry::new(Command::MakePartner(make), self.terms.by.clone());
            let Reply::Partner(partner) = self.submit(entry.aside(Some(Aside::Contact(contact.clone())))).await? else {
                return Err(Problem::internal("an answer of another kind"));
            };
            self.listed.count("taken", 1);
            self.known.insert(key.clone(), Known { partner, contact });
        }
        let partner = self.known[&key].partner.id;
        let (offer, custom_code) = (one.offer.clone(), one.custom_code.clone());
        let coupons = [
            offer.map(|offer| CouponBody { offer: Some(offer), ..CouponBody::default() }),
            custom_code.map(|code| CouponBody { custom_code: Some(code), ..CouponBody::default() }),
        ];
        for asked in coupons.into_iter().flatten() {
            self.coupon(partner, &asked).await?;
        }
        Ok(())
    }

    fn body(&self, one: &Affiliate) -> PartnerBody {
        let share = one.commission.or(self.terms.commission);
        PartnerBody {
            name: Some(one.name.clone()),
            email: Some(Some(one.email.clone())),
            campaign: Some(self.terms.campaign.clone()),
            country: Some(one.country.clone()),
            commission: share.map(|share| object!({"basis_points": share.get(), "of": self.terms.of})),
            recurring: share.map(|_| self.terms.recurring.clone()),
            payout: Some(PayoutBody { rail: Some(self.terms.rail.clone()), email: Some(one.payout_email.clone()) }),
            ..PartnerBody::default()
        }
    }

    async fn submit(&mut self, entry: Entry) -> Result<Reply, Problem> {
        match &mut self.trial {
            Some(trial) => Ok(trial.submit(&entry.command)?),
            None => Ok(self.ledger.submit(entry).await?),
        }
    }

    /// One that was ended stays so: it is not made again.
    async fn coupon(&mut self, partner: Id, asked: &CouponBody) -> Result<(), Problem> {
        let wanted = asked.wanted(self.config, self.terms.now)?;
        let id = match &wanted {
            Wanted::Offer(name) => Coupon::of_offer(name),
            Wanted::Custom { code, .. } => Coupon::of_code(code),
        };
        let known: Option<Coupon> = self.ledger.snapshot().row(id.as_bytes())?;
        if known.is_some_and(|known| known.partner == partner) {
            return Ok(());
        }
        let add = AddCoupon { partner, wanted, terms: None };
        let reply = self.submit(Entry::new(Command::AddCoupon(add), self.terms.by.clone())).await?;
        self.listed.count("coupons", usize::from(matches!(reply, Reply::Coupon { fresh: true, .. })));
        Ok(())
    }
}

/// What the list says otherwise of somebody who is known.
fn differences(known: &Known, one: &Affiliate) -> Vec<&'static str> {
    let Contact { name, payout_email, country, .. } = &known.contact;
    let share = known.partner.terms.last().and_then(|(_, terms)| match terms.rate {
        Rate::Share { share, .. } => Some(share),
        Rate::Fixed(_) => None,
    });
    let rows = [
        ("name", one.name != *name && one.name != one.email),
        ("payout email", one.payout_email.is_some() && one.payout_email != *payout_email),
        ("commission", one.commission.is_some() && one.commission != share),
        ("country", one.country.is_some() && one.country != *country),
    ];
    rows.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}
