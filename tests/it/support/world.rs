//! The World: the appliance over HTTP between stand-ins for Apple and RevenueCat, with a clock that stands until it is
//! moved. Deliveries and timers run when they are told to. Whatever a story did, its ledger must hold in the end.

use super::caller::{ADMIN_TOKEN, Caller, HOOK_AUTHORIZATION, SERVER_KEY};
use super::folder::Folder;
use super::tokens::{private_pem, public_point};
use referd::cli::house::{House, Motor};
use referd::cli::systemd::Sockets;
use referd::clock::{Clock, ManualClock};
use referd::config::{self, AdminListen, Auth, Campaign, Config, Secret, Server, Tls};
use referd::domain::at::{At, Span};
use referd::domain::money::BasisPoints;
use referd::domain::policy::{
    Accept, AttributionRules, Environment, FraudRules, Kind, PayoutRules, Policy, PoolRules, RewardRules, Touch,
};
use referd::entropy::SeededEntropy;
use referd::fake::app_store_connect::{self as apple, AppStoreConnect, Key, Offer};
use referd::fake::app_store_server::{self, AppStoreServer};
use referd::fake::apple_chain::Chain;
use referd::fake::apple_event::{App, Notification, Transaction, body};
use referd::fake::device_check::{self, DeviceCheck};
use referd::fake::revenuecat::{self as revenuecat, RevenueCat};
use referd::fake::revenuecat_event::Event;
use referd::fake::tremendous::{self, Tremendous};
use referd::ledger::Store;
use referd::ledger::table::Tab;
use referd::ledger::verify::verify;
use serde_json::{Value, json};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

pub const NOW: At = At(1_790_000_000_000);
pub const OFFER: &str = "REF30";
/// The offer of the partners' campaign, where it has one.
pub const CREATORS_OFFER: &str = "CREATORS30";
pub const CREATORS_OFFER_ID: &str = "0d8dca6e-0000-4000-8000-000000000002";
/// Nobody listens there, and no system gives the port to anybody who asks for a free one.
const CLOSED: &str = "http://127.0.0.1:1/webhooks/apple";
pub const PUBLIC_URL: &str = "https://refer.example.com";
const OFFER_ID: &str = "0d8dca6e-0000-4000-8000-000000000001";
const KEY_ID: &str = "KEYFORTEST";
const ISSUER: &str = "57246542-0000-4000-8000-000000000002";
const TEAM: &str = "TEAM123456";
const API_KEY: &str = "sk_key_of_the_tests";
pub const TREMENDOUS_KEY: &str = "TEST_key_of_the_tests";
pub const TREMENDOUS_HOOK: &str = "tremendous-hook-of-the-tests";
const SEED: u8 = 7;

pub struct World {
    house: Option<House>,
    pub config: Config,
    clock: Arc<ManualClock>,
    caller: Caller,
    pub apple: AppStoreConnect,
    pub revenuecat: RevenueCat,
    /// Apple's notifications and the App Store Server API, signed by a root of their own.
    pub store: AppStoreServer,
    pub devices: DeviceCheck,
    pub tremendous: Tremendous,
    _folder: Folder,
    done: bool,
}

impl Deref for World {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl World {
    pub async fn start() -> World {
        World::with(|_| {}).await
    }

    /// A world whose configuration was changed before it began. Without an issuer its Apple key is an individual one.
    pub async fn with(change: impl FnOnce(&mut Config)) -> World {
        let folder = Folder::new();
        let clock = Arc::new(ManualClock::at(NOW));
        let mut config = config();
        config.data_dir = folder.path().join("data");
        change(&mut config);
        let app = &mut config.apps[0];
        let issuer = app.app_store_connect.as_ref().and_then(|known| known.issuer_id.clone());
        let key = Key { id: KEY_ID.to_owned(), public: public_point(SEED), issuer };
        let offer = |id: &str, name: &str| Offer { id: id.to_owned(), name: name.to_owned(), active: true };
        let offers = vec![offer(OFFER_ID, OFFER), offer(CREATORS_OFFER_ID, CREATORS_OFFER)];
        let apple = AppStoreConnect::start(apple::Setup::new(key, clock.clone(), offers)).await.expect("Apple starts");
        let entitlements = vec!["premium".to_owned()];
        let setup = revenuecat::Setup { api_key: API_KEY.to_owned(), entitlements, clock: clock.clone() };
        let revenuecat = RevenueCat::start(setup).await.expect("RevenueCat starts");
        if let Some(known) = &mut app.app_store_connect {
            known.base_url = apple.base_url().to_owned();
        }
        let chain = Arc::new(Chain::new(NOW));
        let key = Key { id: KEY_ID.to_owned(), public: public_point(SEED), issuer: Some(ISSUER.to_owned()) };
        let signs = App { bundle_id: app.bundle_id.clone(), apple_id: app.apple_id };
        let setup = app_store_server::Setup { key, clock: clock.clone(), chain: chain.clone(), app: signs };
        let store = AppStoreServer::start(setup).await.expect("the App Store Server starts");
        if let Some(known) = &mut app.app_store_server {
            known.production_url = store.production_url().to_owned();
            known.sandbox_url = store.sandbox_url().to_owned();
            known.root_certificate = Some(chain.root().to_vec());
        }
        let key = Key { id: KEY_ID.to_owned(), public: public_point(SEED), issuer: None };
        let setup = device_check::Setup { key, team_id: TEAM.to_owned(), clock: clock.clone() };
        let devices = DeviceCheck::start(setup).await.expect("DeviceCheck starts");
        if let Some(known) = &mut app.device_check {
            known.base_url = devices.base_url().to_owned();
        }
        let setup = tremendous::Setup {
            api_key: TREMENDOUS_KEY.to_owned(),
            webhook_key: TREMENDOUS_HOOK.to_owned(),
            clock: clock.clone(),
        };
        let tremendous = Tremendous::start(setup).await.expect("Tremendous starts");
        if let Some(known) = &mut app.tremendous {
            known.base_url = tremendous.base_url().to_owned();
        }
        let mut signing = None;
        if let Some(known) = &mut app.revenuecat {
            known.base_url = revenuecat.base_url().to_owned();
            signing = known.webhook_signing_secret.as_ref().map(|secret| secret.expose().to_owned());
        }
        let house = open(&config, &clock).await;
        let mut caller = caller(&house);
        caller.signing = signing;
        listen(&store, &caller);
        World {
            house: Some(house),
            config,
            clock,
            caller,
            apple,
            revenuecat,
            store,
            devices,
            tremendous,
            _folder: folder,
            done: false,
        }
    }

    /// A world that knows what Apple signs, and can ask the App Store Server.
    pub async fn with_apple(change: impl FnOnce(&mut Config)) -> World {
        World::stocked_with(20, |config| {
            config.apps[0].app_store_server = Some(asks_apple());
            config.apps[0].campaigns[0].policy.attribution.asks_apple = true;
            change(config);
        })
        .await
    }

    /// A world that knows what Apple signs, and whose campaign asks about devices.
    pub async fn with_devices(change: impl FnOnce(&mut Config)) -> World {
        World::with_apple(|config| {
            config.apps[0].device_check = Some(config::DeviceCheck {
                team_id: TEAM.to_owned(),
                key_id: KEY_ID.to_owned(),
                private_key: Secret::new(private_pem(SEED)),
                base_url: String::new(),
            });
            config.apps[0].campaigns[0].policy.fraud.device_check = true;
            change(config);
        })
        .await
    }

    /// A world with a campaign of partners beside the one of friends, whose commissions can be paid at once.
    pub async fn with_partners(change: impl FnOnce(&mut Config)) -> World {
        World::with_apple(|config| {
            let app = &mut config.apps[0];
            app.tremendous = Some(config::Tremendous {
                api_key: Secret::new(TREMENDOUS_KEY),
                base_url: String::new(),
                funding_source_id: "BALANCE".to_owned(),
                campaign_id: Some("CAMPAIGN1".to_owned()),
                webhook_key: Some(Secret::new(TREMENDOUS_HOOK)),
            });
            app.campaigns.push(creators());
            change(config);
        })
        .await
    }

    /// The same, where the partners' campaign has an offer, and codes of it in stock.
    pub async fn with_creators(change: impl FnOnce(&mut Config)) -> World {
        let world = World::with_partners(|config| {
            let policy = &mut config.apps[0].campaigns[1].policy;
            policy.offer = CREATORS_OFFER.to_owned();
            policy.offer_code_id = CREATORS_OFFER_ID.to_owned();
            policy.pool.batch_size = 120;
            change(config);
        })
        .await;
        world.admin_post("/admin/pool/refill", r#"{"campaign":"creators"}"#).await.is(202);
        world.settle().await;
        world
    }

    /// A world with this many codes in stock.
    pub async fn stocked(codes: u32) -> World {
        World::stocked_with(codes, |_| {}).await
    }
    pub async fn stocked_with(codes: u32, change: impl FnOnce(&mut Config)) -> World {
        let world = World::with(|config| {
            config.apps[0].campaigns[0].policy.pool.batch_size = codes;
            change(config);
        })
        .await;
        world.refill().await;
        world
    }

    pub fn house(&self) -> &House {
        self.house.as_ref().expect("the house stands")
    }
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }
    pub fn now(&self) -> At {
        self.clock.now()
    }
    /// Time passes; nothing is done by itself.
    pub fn advance(&self, span: Span) {
        self.clock.set(self.now().plus(span));
    }
    /// Everything that is due is done.
    pub async fn settle(&self) -> usize {
        self.house().settle().await.expect("what is due can be done")
    }
    pub async fn later(&self, span: Span) -> usize {
        self.advance(span);
        self.settle().await
    }
    /// Steps of a minute until nothing waits that could be done within the hour.
    pub async fn rest(&self) {
        for _ in 0..60 {
            self.later(Span::minutes(1)).await;
        }
    }
    pub async fn refill(&self) {
        self.ask_refill().await.is(202);
        self.settle().await;
    }
    pub async fn ask_refill(&self) -> super::caller::Reply {
        self.admin_post("/admin/pool/refill", "{}").await
    }
    pub async fn webhook(&self, event: &Event) -> super::caller::Reply {
        self.deliver(event, self.now()).await
    }
    /// What a user does in the App Store, as RevenueCat tells it.
    pub async fn buys(&self, user: &str) {
        self.webhook(&Event::initial_purchase(user, self.now()).offer(OFFER)).await.is(200);
    }
    /// A notification as Apple signs it, at the address of its environment.
    pub async fn apple(&self, notification: &Notification) -> super::caller::Reply {
        let path = match notification.environment() {
            Environment::Production => "/webhooks/apple",
            Environment::Sandbox => "/webhooks/apple/sandbox",
        };
        let signed = notification.signed(self.store.chain(), self.store.app());
        self.raw("POST", &format!("{}{path}", self.public), &[], body(&signed)).await
    }
    /// A transaction as the user's device has it, signed by now.
    pub fn signed(&self, transaction: &Transaction) -> String {
        transaction.clone().on_device().signed(self.store.chain(), self.store.app(), self.now())
    }
    /// A user confirms with the transaction of their device.
    pub async fn shows(&self, code: &str, user: &str, transaction: &Transaction) -> super::caller::Reply {
        self.confirm_with(code, user, &json!({ "signed_transaction": self.signed(transaction) })).await
    }
    /// The one item of a list.
    #[track_caller]
    pub fn only(&self, list: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let mut items = self.all(list).await;
            assert_eq!(items.len(), 1, "{list} at {caller}: {items:#?}");
            items.remove(0)
        }
    }
    /// A referee claims a fresh code of the referrer and buys with it.
    pub async fn completes(&self, referrer: &str, referee: &str) {
        let code = self.my_code(referrer).await;
        self.claim(&code, referee).await.is(201);
        self.buys(referee).await;
    }

    /// The pool of the only campaign.
    pub async fn pool(&self) -> Value {
        self.admin("pool").await["items"][0].clone()
    }
    /// The counts of the only campaign.
    pub async fn counts(&self) -> Value {
        self.admin("stats").await["campaigns"]["friends"].clone()
    }
    async fn open_deliveries(&self) -> u64 {
        let mut open = 0;
        for app in &self.config.apps {
            let outbox = self.admin(&format!("{}/stats", app.name)).await["outbox"].clone();
            open += ["waiting", "begun"].iter().filter_map(|status| outbox[status].as_u64()).sum::<u64>();
        }
        open
    }
    /// How long the journal is.
    pub fn journal(&self) -> u64 {
        *self.house().apps[0].ledger.changed().borrow()
    }
    pub fn posts_to_apple(&self) -> usize {
        self.apple.calls().iter().filter(|call| call.method == "POST").count()
    }

    /// The house ends in good order and begins again over its files.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.begin().await;
    }
    /// Nobody is there until it begins again; Apple finds a closed port.
    pub async fn stop(&mut self) {
        self.unreachable();
        self.house.take().expect("the house stands").stop().await;
    }
    /// Apple's notifications find a closed port.
    pub fn unreachable(&self) {
        for environment in [Environment::Production, Environment::Sandbox] {
            self.store.set_notification_url(environment, Some(CLOSED));
        }
    }
    /// Apple's notifications find the house.
    pub fn reachable(&self) {
        listen(&self.store, &self.caller);
    }
    pub async fn begin(&mut self) {
        let house = open(&self.config, &self.clock).await;
        let signing = self.caller.signing.take();
        self.caller = caller(&house);
        self.caller.signing = signing;
        listen(&self.store, &self.caller);
        self.house = Some(house);
    }

    /// The faults end, the outbox is drained, and the books are checked against their journal.
    pub async fn done(mut self) {
        self.apple.faults().clear();
        self.revenuecat.faults().clear();
        self.store.faults().clear();
        self.devices.faults().clear();
        self.tremendous.faults().clear();
        self.settle().await;
        for _ in 0..48 {
            if self.open_deliveries().await == 0 {
                break;
            }
            self.later(Span::minutes(70)).await;
        }
        assert_eq!(self.open_deliveries().await, 0, "the outbox is not drained");
        for app in &self.house().apps {
            let store = app.ledger.snapshot();
            let quarantine = store.prefix(Tab::Quarantine, &[], 1).expect("the ledger can be read");
            assert!(quarantine.is_empty(), "a command was stopped by a bug");
            let report = verify(&store).expect("the ledger can be read");
            assert!(report.faults.is_empty(), "{:#?}", report.faults);
        }
        self.house.take().expect("the house stands").stop().await;
        self.done = true;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(self.done || std::thread::panicking(), "a story ends with world.done().await");
    }
}

async fn open(config: &Config, clock: &Arc<ManualClock>) -> House {
    let entropy = Arc::new(SeededEntropy::new(1));
    House::start(config.clone(), Sockets::default(), clock.clone(), entropy, Motor::ByHand)
        .await
        .expect("the house starts")
}

/// Apple's notifications come to the addresses of this house.
fn listen(store: &AppStoreServer, caller: &Caller) {
    for (environment, path) in [(Environment::Production, ""), (Environment::Sandbox, "/sandbox")] {
        store.set_notification_url(environment, Some(&format!("{}/webhooks/apple{path}", caller.public)));
    }
}

fn caller(house: &House) -> Caller {
    let admin = house.admin.expect("the admin side has an address");
    Caller::new(&format!("http://{}", house.public), &format!("http://{admin}"))
}

fn config() -> Config {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server { listen: any, public_url: PUBLIC_URL.to_owned(), tls: Tls::Off, trusted_proxies: Vec::new() };
    let admin = config::Admin { listen: AdminListen::Tcp(any), token: Secret::new(ADMIN_TOKEN) };
    let backup = config::Backup::default();
    let secret_files = Vec::new();
    Config { data_dir: "data".into(), secret_files, log_level: "info", server, admin, backup, apps: vec![app()] }
}

fn app() -> config::App {
    config::App {
        name: "alma".to_owned(),
        bundle_id: "com.example.alma".to_owned(),
        apple_id: 1_234_567_890,
        base_path: String::new(),
        default_campaign: "friends".to_owned(),
        time_zone: "UTC".to_owned(),
        auth: Auth { server_key: Some(Secret::new(SERVER_KEY)), jwt: None },
        app_store_connect: Some(config::AppStoreConnect {
            issuer_id: Some(ISSUER.to_owned()),
            key_id: KEY_ID.to_owned(),
            private_key: Secret::new(private_pem(SEED)),
            base_url: String::new(),
            vendor_number: None,
        }),
        app_store_server: None,
        device_check: None,
        revenuecat: Some(config::RevenueCat {
            webhook_authorization: Secret::new(HOOK_AUTHORIZATION),
            webhook_signing_secret: None,
            api_key: Secret::new(API_KEY),
            base_url: String::new(),
            entitlement: "premium".to_owned(),
        }),
        tremendous: None,
        notifications: config::Notifications {
            max_age_days: 8,
            forward_to: Vec::new(),
            allow_private_forwards: false,
            webhooks: Vec::new(),
        },
        offers: Vec::new(),
        refunds: config::Refunds::default(),
        campaigns: vec![campaign()],
    }
}

/// A campaign of partners without an offer of its own.
pub fn creators() -> Campaign {
    let mut creators = campaign();
    creators.policy.campaign = "creators".to_owned();
    creators.policy.kind = Kind::Partner;
    creators.policy.offer = String::new();
    creators.policy.offer_code_id = String::new();
    creators.policy.reward = RewardRules::of_days(0);
    creators.policy.payout = Some(PayoutRules {
        touch: Touch::First,
        minimum: 0,
        hold_days: 0,
        own_offers_max: 10,
        proceeds: BasisPoints::new(7_000).expect("a part"),
    });
    creators
}

fn asks_apple() -> config::AppStoreServer {
    config::AppStoreServer {
        issuer_id: ISSUER.to_owned(),
        key_id: KEY_ID.to_owned(),
        private_key: Secret::new(private_pem(SEED)),
        production_url: String::new(),
        sandbox_url: String::new(),
        root_certificate: None,
    }
}

/// Nothing is asked of Apple by itself: the mark is zero.
pub fn campaign() -> Campaign {
    let pool = PoolRules {
        environment: Environment::Production,
        low_water: 0,
        batch_size: 10,
        expires_in_days: 180,
        reserve_days: 14,
    };
    let policy = Policy {
        campaign: "friends".to_owned(),
        kind: Kind::Referral,
        offer: OFFER.to_owned(),
        offer_code_id: OFFER_ID.to_owned(),
        product_ids: Vec::new(),
        pool,
        attribution: AttributionRules { accept: Accept::Evidence, claim_window_days: 30, asks_apple: false },
        reward: RewardRules::of_days(30),
        fraud: FraudRules::NONE,
        payout: None,
        winback: None,
    };
    let share_text = "Use code {code} for a free month: {redeem_url}".to_owned();
    Campaign { policy, share_text, refill_schedule: "0 15 * * * *".to_owned() }
}
