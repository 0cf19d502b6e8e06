//! The words that a request may say, as OpenAPI shows them. Those of an answer are more: it says `other` for what only
//! a newer server knows.

use utoipa::ToSchema;

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident as $schema:ident { $($(#[doc = $of:literal])+ $word:ident,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(ToSchema)]
        #[schema(as = $schema, rename_all = "snake_case")]
        #[expect(dead_code, reason = "shows the words to OpenAPI; each field reads its own")]
        pub enum $name { $($(#[doc = $of])+ $word,)+ }
    )+};
}

words! {
    /// Where a party is when it joins.
    Channel as ChannelAsked {
        /// At the restaurant.
        Onsite,
        /// Elsewhere.
        Remote,
    }
    /// Whether guests may take a number.
    OpenState as OpenStateAsked {
        /// Numbers are given.
        Open,
        /// No waiting: come in.
        Direct,
        /// No numbers for a while.
        Paused,
        /// No numbers; the line is kept.
        Closed,
    }
    /// What happens when a called party does not come within its grace.
    GraceOver as GraceOverAsked {
        /// Three places back the first time, then no-show.
        PutBackOnce,
        /// No-show.
        NoShow,
    }
    /// Whether being there has to be shown.
    Presence as PresenceAsked {
        /// The claim is believed.
        Open,
        /// Staff, a paired device, or the door code.
        Code,
    }
}
