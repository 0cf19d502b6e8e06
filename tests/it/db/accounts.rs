//! Signing up, in, on and out.

use std::time::Duration;

use waitless::{
    config::Secret,
    db::{
        Db,
        accounts::{self, AccountId, ROLES_MAX, RestaurantRole},
        sessions,
    },
    domain::{Millis, RestaurantId, Role},
    service::{
        accounts::{Accounts, RefreshError, SignInError, SignUp, SignUpError, SignedIn},
        demo,
        keys::Keys,
        passwords::Passwords,
        tokens::{Session, TokenError, TokenKind, Tokens},
    },
};

use crate::harness::database::{TestDatabase, fresh_database};

const NOW: Millis = 1_795_334_400_000;

struct Fixture {
    database: TestDatabase,
    db: Db,
    accounts: Accounts,
    tokens: Tokens,
}

async fn fixture() -> Fixture {
    let database = fresh_database().await;
    let db = database.db();
    let keys = Keys::new(&secret("0123456789abcdef0123456789abcdef"));
    let accounts = Accounts::new(db.clone(), &keys, Passwords::default());
    Fixture { database, db, accounts, tokens: Tokens::new(&keys) }
}

fn secret(text: &str) -> Secret {
    text.parse().expect("any text is a secret")
}

impl Fixture {
    async fn sign_up(&self, email: &str) -> Result<SignedIn, SignUpError> {
        let sign_up =
            SignUp { email: email.to_owned(), password: secret("열려라 참깨야!"), name: "김하늘".to_owned() };
        self.accounts.sign_up(&sign_up, NOW).await
    }

    async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn, SignInError> {
        self.accounts.sign_in(email, &secret(password), NOW).await
    }

    async fn refresh(&self, token: &Secret) -> Result<SignedIn, RefreshError> {
        self.accounts.refresh(token.expose(), NOW).await
    }

    fn session(&self, signed_in: &SignedIn) -> Session {
        let session = self.tokens.verify(TokenKind::Access, signed_in.access_token.expose(), NOW);
        let session = session.expect("the token was just issued");
        assert_eq!((session.id, session.account), (signed_in.session, signed_in.account));
        session
    }
}

#[tokio::test]
async fn who_signs_up_is_signed_in_and_has_no_role() {
    let fixture = fixture().await;
    let restaurant = demo::load(&fixture.db, &Passwords::default(), &secret(demo::PASSWORD)).await.expect("the demo");
    let signed_up = fixture.sign_up("guest@example.com").await.expect("a new address");
    let session = fixture.session(&signed_up);
    assert_eq!((session.name.as_str(), session.is_admin, session.roles.len()), ("김하늘", false, 0));
    assert_eq!(session.role_at(restaurant), None);
    let cookie = fixture.tokens.verify(TokenKind::Cookie, signed_up.cookie_token.expose(), NOW).expect("a cookie");
    assert_eq!(cookie.id, session.id);
    let grants = accounts::grants(&fixture.db, signed_up.account).await.expect("an answer").expect("the account");
    assert!(!grants.is_admin && grants.roles.is_empty(), "nor in the record: {grants:?}");
    fixture.sign_in("guest@example.com", "열려라 참깨야!").await.expect("the right password");
}

#[tokio::test]
async fn an_email_address_has_one_account_in_every_case() {
    let fixture = fixture().await;
    fixture.sign_up("Guest@Example.com").await.expect("a new address");
    for email in ["Guest@Example.com", "guest@example.com", " GUEST@EXAMPLE.COM "] {
        assert!(matches!(fixture.sign_up(email).await, Err(SignUpError::EmailTaken)), "{email}");
        fixture.sign_in(email, "열려라 참깨야!").await.expect("the same account");
    }
    let mixed = "INSERT INTO accounts (email, name, password_hash) VALUES ('Guest@x.kr', 'x', '$argon2id$')";
    assert!(fixture.database.refuses(mixed).await, "nor can another spelling be written past the code");
}

#[tokio::test]
async fn a_sign_up_that_is_not_valid_writes_nothing() {
    let fixture = fixture().await;
    let sign_up = SignUp { email: "nobody".to_owned(), password: secret("short"), name: " ".to_owned() };
    let Err(SignUpError::Invalid(errors)) = fixture.accounts.sign_up(&sign_up, NOW).await else {
        panic!("three fields are wrong")
    };
    let fields: Vec<_> = errors.iter().map(|error| (error.field.as_str(), error.code.as_str())).collect();
    assert_eq!(fields, [("email", "format"), ("password", "too_short"), ("name", "required")]);
    assert_eq!(fixture.database.count("SELECT count(*) FROM accounts").await, 0);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let fixture = fixture().await;
    fixture.sign_up("guest@example.com").await.expect("a new address");
    let too_long = "x".repeat(129);
    for (email, password) in [
        ("guest@example.com", "열려라 참께야!"),
        ("nobody@example.com", "열려라 참깨야!"),
        ("guest@example.com", ""),
        ("guest@example.com", &too_long),
        ("' OR true --", "열려라 참깨야!"),
    ] {
        let refused = fixture.sign_in(email, password).await;
        assert!(matches!(refused, Err(SignInError::WrongCredentials)), "{email}: {refused:?}");
    }
    assert_eq!(fixture.database.count("SELECT count(*) FROM sessions").await, 1, "the one of signing up");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_session() {
    let fixture = fixture().await;
    let first = fixture.sign_up("guest@example.com").await.expect("a new address");
    let second = fixture.refresh(&first.refresh_token).await.expect("the current token");
    assert_eq!(fixture.session(&second).id, first.session, "the session goes on");
    let third = fixture.refresh(&second.refresh_token).await.expect("the current token");

    // The oldest, not just the last one: every token that was used tells.
    let reused = fixture.refresh(&first.refresh_token).await;
    assert!(matches!(reused, Err(RefreshError::Reused(session)) if session == first.session), "{reused:?}");
    let current = fixture.refresh(&third.refresh_token).await;
    assert!(matches!(current, Err(RefreshError::Refused)), "the thief's token dies with the session: {current:?}");
    let revoked = sessions::revoked(&fixture.db, Duration::from_secs(60), 10).await.expect("an answer");
    assert_eq!(revoked.iter().map(|(session, _)| *session).collect::<Vec<_>>(), [first.session]);
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_counts() {
    let fixture = fixture().await;
    let signed_up = fixture.sign_up("guest@example.com").await.expect("a new address");
    let token = &signed_up.refresh_token;
    let (one, other) = tokio::join!(fixture.refresh(token), fixture.refresh(token));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
}

#[tokio::test]
async fn only_a_refresh_token_refreshes_and_only_while_its_session_lives() {
    let fixture = fixture().await;
    let signed_up = fixture.sign_up("guest@example.com").await.expect("a new address");
    for token in [&signed_up.access_token, &signed_up.cookie_token, &secret(""), &secret("wlr_")] {
        assert!(matches!(fixture.refresh(token).await, Err(RefreshError::Refused)));
    }
    for kind in [TokenKind::Access, TokenKind::Cookie] {
        let session = fixture.tokens.verify(kind, signed_up.refresh_token.expose(), NOW);
        assert_eq!(session, Err(TokenError::Invalid), "a refresh token is no {kind:?} token");
    }
    fixture.database.execute("UPDATE sessions SET expires_at = now() - interval '1 second'").await;
    assert!(matches!(fixture.refresh(&signed_up.refresh_token).await, Err(RefreshError::Refused)));
    assert_eq!(sessions::clean(&fixture.db, Duration::ZERO, 10).await.expect("an answer"), 1);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let fixture = fixture().await;
    let here = fixture.sign_up("guest@example.com").await.expect("a new address");
    let there = fixture.sign_in("guest@example.com", "열려라 참깨야!").await.expect("the right password");
    for _ in 0..2 {
        assert_eq!(fixture.accounts.sign_out(here.session).await.expect("an answer"), here.session);
    }
    assert!(matches!(fixture.refresh(&here.refresh_token).await, Err(RefreshError::Refused)));
    fixture.refresh(&there.refresh_token).await.expect("the other device stays signed in");
    let ended = sessions::revoke_all(&fixture.db, there.account).await.expect("an answer");
    assert_eq!(ended, [there.session], "what had ended before is not named again");
    let revoked = sessions::revoked(&fixture.db, Duration::from_secs(60), 10).await.expect("an answer");
    assert_eq!(revoked.len(), 2);
}

#[tokio::test]
async fn a_token_says_what_the_account_may_do_when_it_is_issued() {
    let fixture = fixture().await;
    let restaurant = demo::load(&fixture.db, &Passwords::default(), &secret(demo::PASSWORD)).await.expect("the demo");
    for (email, role) in demo::EMAILS.into_iter().zip([Role::Staff, Role::Owner, Role::Admin]) {
        let signed_in = fixture.sign_in(email, demo::PASSWORD).await.expect("a demo account");
        assert_eq!(fixture.session(&signed_in).role_at(restaurant), Some(role), "{email}");
        let elsewhere = fixture.session(&signed_in).role_at(RestaurantId(1));
        assert_eq!(elsewhere, (role == Role::Admin).then_some(Role::Admin), "{email}");
    }
    let guest = fixture.sign_up("guest@example.com").await.expect("a new address");
    assert!(accounts::grant(&fixture.db, guest.account, restaurant, RestaurantRole::Staff).await.expect("an answer"));
    assert_eq!(fixture.session(&guest).role_at(restaurant), None, "a token that is out keeps what it says");
    let renewed = fixture.refresh(&guest.refresh_token).await.expect("the current token");
    assert_eq!(fixture.session(&renewed).role_at(restaurant), Some(Role::Staff));
}

#[tokio::test]
async fn an_account_has_as_many_roles_as_its_token_holds() {
    let fixture = fixture().await;
    let guest = fixture.sign_up("guest@example.com").await.expect("a new address");
    let sql = "INSERT INTO restaurants (id, slug, name, time_zone, currency)
               SELECT n, 'r' || n, 'x', 'Asia/Seoul', 'KRW' FROM generate_series(1, 49) n";
    assert_eq!(fixture.database.execute(sql).await, u64::from(ROLES_MAX) + 1);
    let grant = async |restaurant, role| {
        accounts::grant(&fixture.db, guest.account, RestaurantId(restaurant), role).await.expect("an answer")
    };
    for restaurant in 1..=u64::from(ROLES_MAX) {
        assert!(grant(restaurant, RestaurantRole::Staff).await);
    }
    assert!(!grant(u64::from(ROLES_MAX) + 1, RestaurantRole::Staff).await, "one too many");
    assert!(grant(1, RestaurantRole::Owner).await, "but a role it has can change");
    let grants = accounts::grants(&fixture.db, guest.account).await.expect("an answer").expect("the account");
    assert_eq!(grants.roles.len(), ROLES_MAX as usize);
    assert_eq!(grants.roles[0], (RestaurantId(1), RestaurantRole::Owner));
    assert_eq!(accounts::grants(&fixture.db, AccountId(1)).await.expect("an answer"), None);
}
