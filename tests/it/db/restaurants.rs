//! Restaurants: opening, lists, rules, the lock of the rebuilder, the demo.

use std::collections::HashSet;

use waitless::{
    config::Secret,
    db::{
        self, Db, lock, policies,
        restaurants::{self, CreateError, NewRestaurant},
    },
    domain::{Policy, RestaurantId},
    service::{demo, passwords::Passwords},
};

use crate::harness::database::fresh_database;

async fn create(db: &Db, slug: &str) -> Result<RestaurantId, CreateError> {
    let new = NewRestaurant {
        slug: slug.to_owned(),
        name: format!("식당 {slug}"),
        time_zone: "Asia/Seoul".to_owned(),
        currency: "KRW".to_owned(),
        lines: Vec::new(),
        menu: Vec::new(),
    };
    restaurants::create(db, &new).await
}

async fn load_demo(db: &Db, password: &str) -> RestaurantId {
    let password: Secret = password.parse().expect("any text is a secret");
    demo::load(db, &Passwords::default(), &password).await.expect("the demo loads")
}

#[tokio::test]
async fn migrating_again_or_at_once_changes_nothing() {
    let database = fresh_database().await;
    let (one, other) = tokio::join!(db::migrate(&database.url), db::migrate(&database.url));
    one.expect("the first");
    other.expect("the second");
    let applied = database.count("SELECT count(*) FROM _sqlx_migrations").await;
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).expect("the folder");
    let files = files.filter(|file| file.as_ref().is_ok_and(|file| file.path().extension() == Some("sql".as_ref())));
    assert_eq!(usize::try_from(applied), Ok(files.count()));
}

#[tokio::test]
async fn a_page_neither_repeats_nor_skips_while_restaurants_are_added() {
    let database = fresh_database().await;
    let db = database.db();
    let mut created = Vec::new();
    for n in 0..7 {
        created.push(create(&db, &format!("r{n}")).await.expect("a new slug"));
    }
    // All of one moment: the id decides.
    database.execute("UPDATE restaurants SET created_at = '2026-11-22T05:00:00.123456Z'").await;
    let mut seen = Vec::new();
    let mut after = None;
    for added in 0.. {
        let page = restaurants::page(&db, after, 3).await.expect("a page");
        assert!(page.items.len() <= 3);
        seen.extend(page.items.iter().map(|item| item.id));
        let Some(next) = page.next else { break };
        after = Some(next.to_string().parse().expect("a cursor is read back"));
        if added == 0 {
            created.push(create(&db, "added-meanwhile").await.expect("a new slug"));
        }
    }
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "nothing twice");
    assert_eq!(unique, created.iter().collect(), "nothing skipped");
    assert_eq!(seen.last(), created.last(), "the new one comes at the end");

    let exact = restaurants::page(&db, None, 8).await.expect("a page");
    assert!(exact.items.len() == 8 && exact.next.is_none(), "no empty page at the end");

    let mut walked = restaurants::all_ids(&db, None, 5).await.expect("ids");
    walked.extend(restaurants::all_ids(&db, walked.last().copied(), 5).await.expect("ids"));
    assert!(walked.is_sorted());
    assert_eq!(walked.into_iter().collect::<HashSet<_>>(), created.into_iter().collect());
}

#[tokio::test]
async fn a_slug_belongs_to_one_restaurant() {
    let database = fresh_database().await;
    let db = database.db();
    let id = create(&db, "sun").await.expect("a new slug");
    assert!(matches!(create(&db, "sun").await, Err(CreateError::SlugTaken)));
    assert_eq!(restaurants::by_slug(&db, "sun").await.expect("an answer"), Some(id));
    assert_eq!(restaurants::by_slug(&db, "moon").await.expect("an answer"), None);
    for slug in ["", "Sun", "-sun", "sun-", "해"] {
        assert!(matches!(create(&db, slug).await, Err(CreateError::Db(_))), "{slug:?} is no slug");
    }
    let made_up = RestaurantId(u64::MAX);
    assert_eq!(restaurants::opening(&db, made_up).await.expect("an answer"), None);
}

#[tokio::test]
async fn the_demo_opens_as_promised_and_loads_twice() {
    let database = fresh_database().await;
    let db = database.db();
    assert!(!demo::demo_accounts_present(&db).await.expect("an answer"));
    let (id, same) = tokio::join!(load_demo(&db, demo::PASSWORD), load_demo(&db, demo::PASSWORD));
    assert_eq!(id, same);
    assert!(demo::demo_accounts_present(&db).await.expect("an answer"));
    database.execute("UPDATE menu_items SET price = 1000 WHERE id = 'sikhye'").await;
    assert_eq!(load_demo(&db, demo::PASSWORD).await, id);

    let opening = restaurants::opening(&db, id).await.expect("an answer").expect("the demo");
    assert_eq!((opening.id, opening.slug.as_str(), opening.currency.as_str()), (id, "demo", "KRW"));
    assert_eq!(*opening.policy, Policy::default());
    let lines: Vec<_> = opening.lines.iter().map(|(line, name)| (line.letter(), name.as_str())).collect();
    assert_eq!(lines, [('A', "홀"), ('B', "테라스")]);
    let stock: Vec<_> = opening.menu.iter().map(|(_, stock)| *stock).collect();
    assert_eq!(stock, [Some(50), Some(50), Some(50), None, None], "in the owner's order");
    let (sikhye, _) = opening.menu.last().expect("five items");
    assert_eq!((sikhye.name.as_str(), sikhye.price), ("식혜", 1000), "what the owner changed stays");
    assert_eq!(database.count("SELECT count(*) FROM accounts").await, 3);
}

#[tokio::test]
async fn two_owners_do_not_overwrite_each_others_rules() {
    let database = fresh_database().await;
    let db = database.db();
    let id = create(&db, "sun").await.expect("a new slug");
    let seen = policies::get(&db, id).await.expect("an answer").expect("the restaurant");
    assert_eq!(*seen.policy, Policy::default());
    let short = seen.policy.clone().edited(|policy| policy.grace_s = 60);
    let version = policies::replace(&db, id, seen.version, &short).await.expect("an answer");
    assert!(version.is_some());
    let late = seen.policy.edited(|policy| policy.delays = 0);
    assert_eq!(policies::replace(&db, id, seen.version, &late).await.expect("an answer"), None);
    let now = policies::get(&db, id).await.expect("an answer").expect("the restaurant");
    assert_eq!((now.policy, Some(now.version)), (short.clone(), version));
    assert_eq!(restaurants::opening(&db, id).await.expect("an answer").expect("the restaurant").policy, short);
}

#[tokio::test]
async fn one_rebuilder_at_a_time() {
    let database = fresh_database().await;
    let (db, other) = (database.db(), database.db());
    let (here, there) = (RestaurantId(1), RestaurantId(2));
    let mut held = lock::try_lock(&db, here).await.expect("an answer").expect("nobody holds it");
    assert!(held.is_held().await);
    assert!(lock::try_lock(&other, here).await.expect("an answer").is_none());
    let elsewhere = lock::try_lock(&other, there).await.expect("an answer").expect("another restaurant");
    held.release().await.expect("released");
    let mut held = lock::try_lock(&other, here).await.expect("an answer").expect("released");

    // PostgreSQL drops the connection: the holder can tell, and the next one gets the lock.
    database
        .execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND database =
                  (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .await;
    assert!(!held.is_held().await);
    assert!(lock::try_lock(&db, here).await.expect("an answer").is_some());
    drop(elsewhere);
}
