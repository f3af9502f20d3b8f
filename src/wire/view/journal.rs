//! The journal as people read it.

use super::{
    View, alert, batch, consents, conversion, coupon, hearing, partner, payout, reconciliation, tested, usage, webhook,
};
use crate::domain::at::At;
use crate::domain::consent::Purpose;
use crate::domain::decide::claim::ClaimBy;
use crate::domain::decide::evidence::Show;
use crate::domain::decide::partner::Wanted;
use crate::domain::decide::review::Verdict;
use crate::domain::decide::{By, Command, Put};
use crate::domain::decide::{conversion as judging, payout as paying};
use crate::domain::due::DueWhat;
use crate::domain::entry::{Entry, Subject};
use crate::domain::id::Person;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::purchase::{About, RefundWord, Share};
use crate::domain::question::State;
use crate::domain::usage::Scope;
use crate::domain::winback::WinBackState;
use crate::wire::text::rfc3339;
use serde_json::{Value, json};

impl View<'_> {
    pub fn entry(&self, seq: u64, entry: &Entry) -> Value {
        let (by, reason) = match &entry.by {
            By::App => ("app".to_owned(), None),
            By::Source(source) => (source.word().to_owned(), None),
            By::Admin { token, reason } => (format!("admin:{token}"), reason.clone()),
            By::Tremendous => ("tremendous".to_owned(), None),
            By::House => ("referd".to_owned(), None),
        };
        let subject = |subject: &Subject| match subject {
            Subject::Person(person) => format!("user:{}", (self.name)(*person)),
            Subject::Code(code) => format!("code:{}", code.as_str()),
            Subject::Transaction(id) => format!("transaction:{id}"),
        };
        json!({
            "seq": seq, "at": rfc3339(entry.at), "kind": entry.command.kind(), "by": by, "reason": reason,
            "subjects": entry.subjects().iter().map(subject).collect::<Vec<_>>(),
            "summary": self.summary(entry),
            "detail": entry.puts.iter().map(|put| self.put(put, entry.at)).collect::<Vec<_>>(),
        })
    }

    /// One line for people.
    fn summary(&self, entry: &Entry) -> String {
        let who = |person: Person| (self.name)(person);
        let asked = match &entry.command {
            Command::MyCode(ask) => format!("{} asked for their code in {}", who(ask.person), ask.campaign),
            Command::Issue(ask) => format!("{} codes of {} issued to {}", ask.count, ask.campaign, who(ask.holder)),
            Command::Claim(ask) => {
                let what = match &ask.by {
                    ClaimBy::Code(code) => format!("code {}", code.as_str()),
                    ClaimBy::Slug(slug) => format!("link {slug}"),
                };
                let verb = if ask.confirm { "confirmed" } else { "claimed" };
                format!("{} {verb} {what}", who(ask.person))
            }
            Command::Report(report) | Command::Show(Show { report, .. }) => match &report.about {
                About::Purchase { people, purchase, .. } => format!(
                    "{} reported {} of {} by {}{}",
                    report.source.word(),
                    report.kind,
                    purchase.original_transaction_id,
                    people.first().map_or("nobody".to_owned(), |person| who(*person)),
                    purchase.offer.as_ref().map_or(", no offer".to_owned(), |offer| format!(", offer {offer}")),
                ),
                About::Transfer { from, to } => {
                    let first = |people: &[Person]| people.first().map_or("nobody".to_owned(), |p| who(*p));
                    format!("{} moved purchases of {} to {}", report.source.word(), first(from), first(to))
                }
                About::Download { people, .. } => format!(
                    "{} reported {} of {}",
                    report.source.word(),
                    report.kind,
                    people.first().map_or("nobody".to_owned(), |person| who(*person)),
                ),
                About::OwnGrant => {
                    format!("{} reported {}: a grant of our own, ignored", report.source.word(), report.kind)
                }
                About::People(_) | About::Nothing => format!("{} reported {}", report.source.word(), report.kind),
            },
            Command::NameUser(ask) => format!("the team's server calls {} by an appAccountToken", who(ask.person)),
            Command::Return(ask) => {
                format!("after a restore: {} codes are with those who have them", ask.codes.len())
            }
            Command::Withhold(ask) => {
                format!("after a restore: the next {} codes of {} are withheld", ask.count, ask.campaign)
            }
            Command::Adopt(ask) => format!("the rules of {} were adopted", ask.policy.campaign),
            Command::Refill(ask) => format!("the stock of {} was looked at", ask.campaign),
            Command::Import(ask) => format!("codes of {} were imported", ask.batch.campaign),
            Command::BringCode(ask) => format!("code {} of {} came from elsewhere", ask.text.as_str(), who(ask.holder)),
            Command::BringCompletion(ask) => {
                format!("a completion of {} for {} came from elsewhere", who(ask.referee), who(ask.referrer))
            }
            Command::Begin(_) => "an attempt at a delivery began".to_owned(),
            Command::Settle(ask) => match &ask.outcome {
                Outcome::Done(Answer::CaughtUp { until, read, new }) => {
                    format!("{read} notifications until {} were read, {new} of them new", rfc3339(*until))
                }
                Outcome::Done(Answer::Device { bit0, .. }) => {
                    format!("the device was {}", if *bit0 { "seen before" } else { "not seen before" })
                }
                Outcome::Done(Answer::LookedUp { purchases }) => format!("{purchases} purchases were found"),
                Outcome::Done(Answer::TestSent { result, has_arrived }) => {
                    let arrived = if *has_arrived { "it arrived" } else { "it did not arrive here" };
                    format!("Apple sent the TEST notification: {result}; {arrived}")
                }
                Outcome::Done(_) => "a delivery was answered".to_owned(),
                Outcome::Again { why, .. } | Outcome::Never { why } | Outcome::Unsure { why } => {
                    format!("a delivery failed: {why}")
                }
                Outcome::Found { others } => {
                    format!("somebody else's grants reach until {}; they are kept", rfc3339(*others))
                }
                Outcome::Absent => "a delivery with a lost answer was looked for and not found".to_owned(),
            },
            Command::Recover(_) => "a delivery was interrupted by the end of the process".to_owned(),
            Command::Retry(_) => "a delivery is to be tried again".to_owned(),
            Command::Discard(_) => "a delivery was discarded".to_owned(),
            Command::Fire(due) => match &due.what {
                DueWhat::TakeOff { campaign, .. } => format!("a batch of {campaign} is too near its end to hand out"),
                DueWhat::Expire { .. } => "codes of a batch ended".to_owned(),
                DueWhat::Release { .. } => "the hold of a completion ended".to_owned(),
                DueWhat::Attribute { coupon, .. } => format!("earlier redemptions with coupon {coupon} were looked at"),
                DueWhat::AskPayout { payout } => format!("payout {payout} is on its way"),
                DueWhat::WinBack { campaign, lapse } => {
                    format!("the end of {} was looked at for {campaign}", lapse.original_transaction_id)
                }
                DueWhat::AnswerRefund { transaction_id, .. } => {
                    format!("the time to answer Apple about {transaction_id} is nearly over")
                }
                DueWhat::Forget { .. } => "a day's claims of a network are forgotten".to_owned(),
                DueWhat::LookUp { referee, .. } => format!("a claim of {} still waits", who(*referee)),
            },
            Command::CatchUp(ask) => {
                let since = ask.since.map_or("the last time".to_owned(), rfc3339);
                format!("Apple's notifications ({}) since {since} are to be read", tested(ask.is_test))
            }
            Command::Review(ask) => {
                let verdict = match ask.verdict {
                    Verdict::Approve => "approved",
                    Verdict::Reject => "rejected",
                    Verdict::Reverse => "reversed",
                };
                format!("completion {} was {verdict} by hand", ask.completion)
            }
            Command::MakePartner(ask) => format!("a partner of {} was added", ask.campaign),
            Command::ChangePartner(ask) => format!("partner {} was changed", ask.partner),
            Command::ErasePartner(ask) => format!("partner {} was erased", ask.partner),
            Command::AddCoupon(ask) => match &ask.wanted {
                Wanted::Offer(name) => format!("offer {name} is partner {}'s own", ask.partner),
                Wanted::Custom { code, .. } => format!("code {} is partner {}'s", code.as_str(), ask.partner),
            },
            Command::EndCoupon(ask) => format!("coupon {} was ended", ask.coupon),
            Command::Judge(ask) => {
                let verdict = match ask.verdict {
                    judging::Verdict::Approve => "approved",
                    judging::Verdict::Reject => "rejected",
                };
                match &ask.transactions[..] {
                    [one] => format!("the conversion of {one} was {verdict} by hand"),
                    many => format!("{} conversions were {verdict} by hand", many.len()),
                }
            }
            Command::Draft(ask) => {
                format!("what partner {} is owed in {} is to be paid", ask.partner, ask.currency.as_str())
            }
            Command::Advance(ask) => {
                let step = match ask.step {
                    paying::Step::Approve => "approved",
                    paying::Step::Send => "sent",
                    paying::Step::Settle => "called settled",
                    paying::Step::Fail => "called failed",
                    paying::Step::Cancel => "cancelled",
                };
                format!("payout {} was {step} by hand", ask.payout)
            }
            Command::AskPayout(ask) => format!("something happened to {} at Tremendous", ask.name),
            Command::SignOffer(ask) => format!("offer {} was signed for {}", ask.offer.id, who(ask.person)),
            Command::GiveCode(ask) => format!("{} is to have a code of {} by a list", who(ask.person), ask.campaign),
            Command::AdoptRefunds(_) => "the rules of answers about refunds were adopted".to_owned(),
            Command::SayConsent(ask) => {
                let said = |(purpose, given): (&Purpose, &bool)| {
                    format!("{} {}", if *given { "allowed" } else { "does not allow" }, purpose.word())
                };
                format!("{} {}", who(ask.person), ask.given.iter().map(said).collect::<Vec<_>>().join(", "))
            }
            Command::SayUsage(ask) => {
                let of = match &ask.scope {
                    Scope::All => "the app".to_owned(),
                    Scope::Product(id) => format!("product {id}"),
                    Scope::Transaction(id) => format!("transaction {id}"),
                };
                format!("how {} used {of} was reported", who(ask.person))
            }
            Command::Clear(ask) => format!("alert {} was looked at", ask.alert),
            Command::Watch(_) => "the appliance looked at itself".to_owned(),
            Command::AdoptWebhooks(ask) => format!("{} webhooks are configured", ask.webhooks.len()),
            Command::EnableWebhook(ask) => format!("webhook {} was enabled", ask.webhook),
            Command::TestWebhooks(_) => "webhooks are tried".to_owned(),
            Command::EraseUser(ask) => format!("{} was erased", who(ask.person)),
            Command::AskReports(_) => "Apple's counts of redemptions are to be read".to_owned(),
            Command::AskTest(ask) => format!("a TEST notification ({}) was asked for", tested(ask.is_test)),
        };
        let follows: Vec<String> = entry.puts.iter().filter_map(|put| self.consequence(put)).collect();
        if follows.is_empty() { asked } else { format!("{asked}: {}", follows.join("; ")) }
    }

    fn consequence(&self, put: &Put) -> Option<String> {
        Some(match put {
            Put::Completion(row) => {
                let mut words: Vec<String> = row.method.iter().map(|method| method.word().to_owned()).collect();
                words.extend((row.days > 0).then(|| format!("{} days", row.days)));
                words.extend(row.is_test.then(|| "sandbox".to_owned()));
                words.extend(row.reasons.iter().map(|reason| reason.word().to_owned()));
                format!("completion for {} {} ({})", (self.name)(row.referrer), row.state.word(), words.join(", "))
            }
            Put::Redemption(row) => format!("redemption {} {}", row.original_transaction_id, row.state.word()),
            Put::Refund(row) => match row.word {
                RefundWord::Refunded { .. } => {
                    let share = row.refunded().unwrap_or(Share::ALL).percent();
                    format!("transaction {} was refunded ({share} %)", row.transaction_id)
                }
                RefundWord::Reversed => format!("the refund of transaction {} was reversed", row.transaction_id),
            },
            Put::Question(row) => {
                let verdict = row.verdict.map(|verdict| format!(", Apple: {}", verdict.what.word()));
                let why = match &row.state {
                    State::Silent { why } => format!(" ({})", why.word()),
                    _ => String::new(),
                };
                let word = row.state.word();
                format!("refund question {} {word}{why}{}", row.transaction_id, verdict.unwrap_or_default())
            }
            Put::Account(row) => {
                format!("{} is granted until {}", (self.name)(row.to), rfc3339(row.granted_until()?))
            }
            Put::Extension(row) => {
                format!("{} days of {} by Apple: {}", row.days, (self.name)(row.to), row.state.word())
            }
            Put::Conversion(row) => format!(
                "conversion {} for partner {} {} ({} {})",
                row.transaction_id,
                row.partner,
                row.state().word(),
                row.commission.decimal(),
                row.commission.currency.as_str()
            ),
            Put::WinBack(row) => match &row.state {
                WinBackState::Declined { why } => format!("no code for {}: {}", (self.name)(row.person), why.word()),
                WinBackState::Issued { .. } => format!("a code for {}", (self.name)(row.person)),
                WinBackState::CameBack { by, .. } => {
                    let with = if by.with_offer { "with" } else { "without" };
                    format!("{} came back by {}, {with} the offer", (self.name)(row.person), by.transaction_id)
                }
            },
            Put::Payout(row) => format!("payout {} {}", row.id, row.state.word()),
            Put::Alert(row) => format!("alert {} about {}: {}", row.kind.word(), row.about, row.detail),
            Put::Claim(row) => format!("claim of {} {}", (self.name)(row.referee), row.state.word()),
            Put::Item(row) => format!("{} {}", row.effect.kind(), row.state.word()),
            Put::Batch(row) => format!("batch of {} codes {}", row.asked, row.state.word()),
            _ => return None,
        })
    }

    fn put(&self, put: &Put, at: At) -> Value {
        let (noun, row) = match put {
            Put::Rules(row) => ("rules", json!({"campaign": row.policy.campaign, "version": row.version})),
            Put::Pool(row) => {
                let left: u32 = row.shelves.iter().map(|shelf| shelf.left()).sum();
                ("pool", json!({"campaign": row.campaign, "left": left, "coming": row.coming.map(|id| id.to_string())}))
            }
            Put::Batch(row) => ("batch", batch(row)),
            Put::Chunk(row) => ("chunk", json!({"batch": row.batch.to_string(), "number": row.number})),
            Put::Code(row) => ("code", self.code(row)),
            Put::Referrer(row) => ("referrer", self.referrer(row)),
            Put::Alias(row) => ("alias", json!({"user": (self.name)(row.person), "of": (self.name)(row.circle)})),
            Put::Move(row) => {
                ("move", json!({"from": (self.name)(row.from), "to": (self.name)(row.to), "at": rfc3339(row.at)}))
            }
            Put::Erasure(row) => ("erasure", json!({"user": (self.name)(row.person), "ids": row.members.len()})),
            Put::Claim(row) => ("claim", self.claim(row)),
            Put::Subscription(row) => ("subscription", self.subscription(row, at)),
            Put::Refund(row) => ("refund", self.refund(row)),
            Put::WinBack(row) => ("winback", self.winback(row)),
            Put::RefundRules(row) => {
                ("refund_rules", json!({"answer": row.answer, "preference": row.preference.map(|wish| wish.word())}))
            }
            Put::Consent(row) => {
                let mut said = consents(std::slice::from_ref(row));
                said["user"] = (self.name)(row.person).into();
                ("consent", said)
            }
            Put::Usage(row) => {
                let mut said = usage(row);
                said["user"] = (self.name)(row.person).into();
                ("usage", said)
            }
            Put::Question(row) => ("refund_question", self.question(row)),
            Put::Download(row) => {
                let people: Vec<String> = row.people.iter().map(|person| (self.name)(*person)).collect();
                ("download", json!({"app_transaction_id": row.app_transaction_id, "users": people}))
            }
            Put::Hearing(row) => ("notifications", hearing(row)),
            Put::Network(row) => ("network", json!({"claims": row.claims})),
            Put::NetworkGone(_) => ("network_gone", json!({})),
            Put::Redemption(row) => ("redemption", self.redemption(row)),
            Put::Completion(row) => ("completion", self.completion(row)),
            Put::Account(row) => {
                ("account", json!({"user": (self.name)(row.to), "granted_until": rfc3339(row.end), "days": row.days}))
            }
            Put::Extension(row) => ("extension", self.extension(row)),
            Put::Sale(row) => {
                let price = row.price.as_ref().map(|told| told.value);
                let currency = price.map(|price| price.currency.as_str().to_owned());
                let row = json!({
                    "transaction_id": row.transaction_id, "original_transaction_id": row.original_transaction_id,
                    "price": price.map(|price| price.minor), "currency": currency, "is_test": row.is_test,
                    "partner": row.partner.map(|id| id.to_string()),
                });
                ("sale", row)
            }
            Put::Partner(row) => ("partner", partner(row, None)),
            Put::Coupon(row) => ("coupon", coupon(row, at)),
            Put::Conversion(row) => ("conversion", conversion(row)),
            Put::ConversionGone(id) => ("conversion_gone", json!({"id": id.to_string()})),
            Put::Payout(row) => ("payout", payout(row, None)),
            Put::Movement(row) => {
                let line = |line: &crate::domain::books::Line| {
                    json!({
                        "partner": line.partner.to_string(), "account": line.account.word(), "amount": line.money.minor,
                        "currency": line.money.currency.as_str(),
                    })
                };
                ("movement", json!({"lines": row.lines.iter().map(line).collect::<Vec<_>>()}))
            }
            Put::Signing(row) => {
                ("signature", json!({"user": (self.name)(row.person), "offer": row.offer, "at": rfc3339(row.at)}))
            }
            Put::Alert(row) => ("alert", alert(row)),
            Put::Webhook(row) => ("webhook", webhook(row)),
            Put::WebhookGone(id) => ("webhook_gone", json!({"id": id.to_string()})),
            Put::Reconciliation(row) => ("reconciliation", reconciliation(row)),
            Put::AccountGone(person) => ("account_gone", json!({"user": (self.name)(*person)})),
            Put::Seen(row) => ("event", json!({"source": row.source.word(), "kind": row.kind, "event": row.event})),
            Put::Item(row) => ("delivery", self.item(row)),
            Put::ItemGone(id) => ("delivery_gone", json!({"id": format!("{}-{}", id.seq, id.n)})),
            Put::Due(row) => ("due", json!({"at": rfc3339(row.at)})),
            Put::DueGone(row) => ("due_gone", json!({"at": rfc3339(row.at)})),
        };
        json!({ noun: row })
    }
}
