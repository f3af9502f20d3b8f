use super::*;
use crate::domain::at::Date;
use crate::wire::sales_report::{Redeemed, path, redemptions};
use flate2::read::GzDecoder;
use std::io::Read;

const DAY: Date = Date(20_778);

fn line(code: Option<&str>, count: u32) -> Redeemed {
    let (offer, territory) = ("NAME-live".to_owned(), "DE".to_owned());
    Redeemed { date: DAY, app_apple_id: Some(1_234_567_890), offer, code: code.map(str::to_owned), territory, count }
}

#[tokio::test]
async fn a_report_is_there_once_it_was_made_and_may_be_made_again() {
    let rig = rig().await;
    let url = path("80012345", DAY);
    assert_eq!(complaint(&rig.get(&url).await), (404, vec!["NOT_FOUND -".to_owned()]));
    let nobodys = Redeemed { app_apple_id: None, ..line(None, 1) };
    for lines in [vec![line(Some("ANNA26"), 7), line(None, 2)], vec![line(None, 3), nobodys], vec![]] {
        rig.apple.set_report(DAY, lines.clone());
        let answer = rig.get(&url).await;
        assert_eq!(answer.header("content-type"), Some("application/a-gzip"));
        assert_eq!(redemptions(&answer.body), Ok(lines));
    }
    rig.apple.set_report(DAY, vec![line(Some("ANNA26"), 7)]);
    let mut text = String::new();
    GzDecoder::new(&rig.get(&url).await.body[..]).read_to_string(&mut text).unwrap();
    let expected = "Date\tApp Name\tApp Apple ID\tSubscription Name\tSubscription Apple ID\tOffer Reference Name\t\
        Offer Code\tTerritory\tRedemptions\n\
        11/21/2026\tApp\t1234567890\tSubscription\t6751916427\tNAME-live\tANNA26\tDE\t7\n";
    assert_eq!(text, expected);
    assert_eq!(rig.get(&path("80012345", DAY.plus_days(1))).await.status, 404);

    rig.apple.allow_reports(false);
    assert_eq!(complaint(&rig.get(&url).await), (403, vec!["FORBIDDEN_ERROR -".to_owned()]));
    rig.apple.allow_reports(true);
    rig.apple.faults().next(Some(Op::SalesReport), 1, Fault::CutBody);
    assert!(rig.ask("GET", &url, &[], "").await.is_none());
    for (accept, status) in [("application/a-gzip", 200), ("*/*", 200), ("application/json", 406)] {
        assert_eq!(rig.ask("GET", &url, &[("accept", accept)], "").await.unwrap().status, status, "{accept}");
    }
}

#[tokio::test]
async fn every_filter_is_needed() {
    let rig = rig().await;
    rig.apple.set_report(DAY, vec![]);
    let whole = path("80012345", DAY);
    let (base, query) = whole.split_once('?').unwrap();
    let raw = query.replace("%5B", "[").replace("%5D", "]");
    for (index, pair) in raw.split('&').enumerate() {
        let name = pair.split('=').next().unwrap();
        let rest: Vec<_> = raw.split('&').enumerate().filter(|(at, _)| *at != index).map(|(_, pair)| pair).collect();
        let rest = format!("{base}?{}", rest.join("&"));
        for (url, code) in [(rest.clone(), "REQUIRED"), (format!("{rest}&{name}=x"), "INVALID")] {
            let expected = (400, vec![format!("PARAMETER_ERROR.{code} {name}")]);
            assert_eq!(complaint(&rig.get(&url).await), expected, "{url}");
        }
    }
    let more = rig.get(&format!("{whole}&limit=5")).await;
    assert_eq!(complaint(&more), (400, vec!["PARAMETER_ERROR.ILLEGAL limit".to_owned()]));
    assert_eq!(rig.get(&format!("{base}?{raw}")).await.status, 200);
}
