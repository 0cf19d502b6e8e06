// Written by api.js from the server's OpenAPI document.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Who did it. */
        Actor: {
            /** @description The account. */
            account?: string | null;
            /** @description The paired device. */
            device?: string | null;
            /** @description Capacity. */
            role: components["schemas"]["Role"];
        };
        /** @description The announcement that is made. */
        Announced: {
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            text: string;
            /** Format: int64 */
            until?: number | null;
        };
        /** @description What staff want everybody to read. */
        Announcement: {
            /**
             * Format: int64
             * @description When it was said.
             */
            at: number;
            /** @description The text, never empty. */
            text: string;
            /**
             * Format: int64
             * @description When it disappears; null stays.
             */
            until?: number | null;
        };
        /** @description What everybody should read. */
        AnnouncementText: {
            /** @description Empty text takes it away. */
            text: string;
            /**
             * Format: int64
             * @description When it disappears by itself; later than now.
             */
            until?: number | null;
        };
        /** @description The `board` frame. */
        BoardFrame: {
            announcement?: components["schemas"]["Announcement"] | null;
            /**
             * Format: int64
             * @description Redis's clock.
             */
            at: number;
            /** @description The present door code; only for staff and paired devices. */
            door?: string | null;
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /**
             * Format: int32
             * @description When the next frame comes at the latest.
             */
            every_ms: number;
            /** @description Where guests join. */
            join_url: string;
            /** @description Every line, by letter. */
            lines: components["schemas"]["LineView"][];
            /** @description Whether the state is known to be current. */
            live: boolean;
            /** @description The restaurant. */
            restaurant: components["schemas"]["BoardRestaurant"];
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            /** @description Menu items of which nothing is left. */
            sold_out: string[];
            /** @description `board`. */
            type: components["schemas"]["FrameType"];
        };
        /** @description A restaurant on a board. */
        BoardRestaurant: {
            /** @description Shown. */
            name: string;
            /** @description Why, in staff's words. */
            reason?: string | null;
            /**
             * Format: int64
             * @description When the line was rebuilt from the record on this business day: places that were given just before may be lost.
             */
            rebuilt_at?: number | null;
            /** @description The name in paths. */
            slug: string;
            /** @description Whether guests may take a number. */
            state: components["schemas"]["OpenState"];
            /**
             * Format: int64
             * @description When it opens again.
             */
            until?: number | null;
        };
        /** @description The last frame of a connection: of one that should be opened again, or whose ticket's place was lost. */
        Bye: {
            /** @description Why: `restart`; or `place_lost`, before a 4404, after which there is nothing to come back to. */
            reason: string;
            /**
             * Format: int64
             * @description Come back after this long; different for every connection.
             */
            retry_ms: number;
            /** @description `bye`. */
            type: components["schemas"]["FrameType"];
        };
        /** @description How one is called. */
        Call: {
            reason?: components["schemas"]["CallReason"] | null;
            /** @description Where to come to. */
            to?: string | null;
        };
        /** @description Whom to call. */
        CallNext: {
            /**
             * Format: int32
             * @description The largest party that fits.
             */
            party_max?: number | null;
            /**
             * Format: int32
             * @description The smallest party that fits.
             */
            party_min?: number | null;
            /**
             * @description Where to come to.
             * @example Table 4
             */
            to?: string | null;
        };
        /**
         * @description Why one who is not first is called.
         * @enum {string}
         */
        CallReason: "table_fit" | "came_back" | "not_here" | "accessibility" | "reservation" | "staff_mistake" | "other";
        /** @description A number that is called. */
        CalledNumber: {
            /**
             * Format: int32
             * @description How often.
             */
            calls: number;
            /** @description `A017`. */
            number: string;
            /**
             * Format: int64
             * @description When, the last time.
             */
            since: number;
            /** @description Where to come to. */
            to?: string | null;
        };
        /** @description Why. */
        Cancel: {
            reason?: string | null;
        };
        /** @description Cancelled parties, by who did it. */
        CancelledBy: {
            /**
             * Format: int64
             * @description They still waited when the day was over.
             */
            day_end: number;
            /**
             * Format: int64
             * @description By the guests themselves.
             */
            guest: number;
            /**
             * Format: int64
             * @description By staff.
             */
            staff: number;
        };
        /**
         * @description Where a party was when it joined.
         * @enum {string}
         */
        Channel: "onsite" | "remote" | "other";
        /**
         * @description Where a party is when it joins.
         * @enum {string}
         */
        ChannelAsked: "onsite" | "remote";
        /** @description Being there. */
        CheckIn: {
            /** @description The code at the door, where the restaurant asks for it. */
            door?: string | null;
        };
        /** @description Parties by the state each is in now. */
        Counts: {
            /**
             * Format: int64
             * @description Asked to come in.
             */
            called: number;
            /**
             * Format: int64
             * @description Gave up, or were taken out of the line.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Left after being seated.
             */
            completed: number;
            /**
             * Format: int64
             * @description People.
             */
            guests: number;
            /**
             * Format: int64
             * @description Did not come when called.
             */
            no_show: number;
            /**
             * Format: int64
             * @description All of them.
             */
            parties: number;
            /**
             * Format: int64
             * @description Parties that joined from elsewhere.
             */
            remote: number;
            /**
             * Format: int64
             * @description At their tables.
             */
            seated: number;
            /**
             * Format: int64
             * @description People who sat down.
             */
            seated_guests: number;
            /**
             * Format: int64
             * @description Still in the line.
             */
            waiting: number;
        };
        /** @description A business day in a list. */
        DayListed: {
            /**
             * Format: date
             * @description Its date.
             * @example 2026-11-22
             */
            day: string;
            /**
             * Format: int64
             * @description When the next one begins.
             */
            ends_at: number;
            /** @description Parties and waits. */
            totals: components["schemas"]["DayListedTotals"];
        };
        /** @description A day's totals in a list. */
        DayListedTotals: components["schemas"]["Counts"] & {
            /**
             * Format: int64
             * @description Mean time from joining to sitting down, in seconds; null when nobody sat down.
             */
            wait_mean_s?: number | null;
        };
        /** @description Some business days, newest first. */
        DayPage: {
            items: components["schemas"]["DayListed"][];
            /** @description `after` of the next page; null at the end. */
            next?: string | null;
        };
        /** @description A business day. */
        DaySummary: {
            /**
             * Format: date
             * @description Its date.
             * @example 2026-11-22
             */
            day: string;
            /**
             * Format: int64
             * @description When the next one begins.
             */
            ends_at: number;
            /** @description By line, in the order of letters: each party in the line it is in now. */
            lines: components["schemas"]["LineTotals"][];
            /** @description Menu items that are counted or were ordered, by id. */
            stock: components["schemas"]["StockOfDay"][];
            /** @description Parties and waits. */
            totals: components["schemas"]["Totals"];
        };
        /** @description How far back. */
        Delay: {
            /**
             * Format: int32
             * @description Parties to let pass.
             */
            places: number;
        };
        /** @description The `delta` frame. */
        DeltaFrame: {
            /**
             * Format: int64
             * @description Redis's clock.
             */
            at: number;
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /** @description What happened since, oldest first. */
            events: components["schemas"]["EventView"][];
            /**
             * Format: int32
             * @description When the next frame comes at the latest.
             */
            every_ms: number;
            /** @description Tickets that are no longer shown. */
            gone: string[];
            /** @description Whether the state is known to be current. */
            live: boolean;
            /**
             * Format: int64
             * @description The rev it applies to. Equal to `rev` when only time has passed.
             */
            prev: number;
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            /** @description New values. */
            set: components["schemas"]["SetView"];
            /** @description `delta`. */
            type: components["schemas"]["FrameType"];
        };
        /** @description What to change; what is left out stays. */
        Edit: {
            /** Format: int32 */
            adults?: number | null;
            /** Format: int32 */
            children?: number | null;
            /** @description Another line; number and place are kept. */
            line?: string | null;
            /** @description Null clears it. */
            name?: string | null;
            /** @description Null clears it. */
            note?: string | null;
        };
        /** @description How and by whom a ticket ended. */
        Ended: {
            /** @description `guest`, `staff`, `timer`, …: the role that ended it. */
            by: string;
            /** @description Why, when something was said: a reason code, `day_end`, or text by staff. */
            reason?: string | null;
        };
        /** @description A range of waits. Unrounded: pages round to 5 minutes. */
        Eta: {
            /**
             * Format: int32
             * @description Seconds, the late end.
             */
            high_s: number;
            /**
             * Format: int32
             * @description Seconds, the early end.
             */
            low_s: number;
            /** @description True until the range has been calibrated against what happened. */
            rough: boolean;
            /**
             * Format: int32
             * @description Share of parties, in percent, that the range is meant to cover.
             */
            target: number;
        };
        /** @description The wait of a party of this size. */
        EtaOfParty: {
            eta?: components["schemas"]["Eta"] | null;
            /**
             * Format: int32
             * @description People, 1 to 8.
             */
            party: number;
        };
        /** @description Something that happened, as the console's log tells it. */
        EventView: {
            /**
             * Format: int64
             * @description When.
             */
            at: number;
            /** @description By whom. */
            by: components["schemas"]["Actor"];
            /** @description The menu item it is about. */
            item?: string | null;
            /**
             * Format: int64
             * @description Units left of the item; absent when it is not counted any more.
             */
            left?: number | null;
            /** @description The line it is about. */
            line?: string | null;
            /** @description `ticket.called`. */
            name: string;
            /** @description The ticket it is about. */
            ticket?: string | null;
        };
        /** @description A field of the request that is wrong, and how. */
        FieldError: {
            /** @description `required`, `unknown`, `type`, `range`, `too_long`, `not_found`, … */
            code: string;
            /** @description Path of the field in the body. */
            field: string;
        };
        /** @description A number and its code. */
        Find: {
            /** @example 0417 */
            code: string;
            /** @example A017 */
            number: string;
        };
        /** @description Where a ticket is. */
        Found: {
            id: string;
            /** Format: uri */
            url: string;
        };
        /**
         * @description The kind of a frame.
         * @enum {string}
         */
        FrameType: "board" | "ticket" | "queue" | "delta" | "tick" | "bye";
        /**
         * @description What happens when a called party does not come within its grace.
         * @enum {string}
         */
        GraceOver: "put_back_once" | "no_show" | "other";
        /**
         * @description What happens when a called party does not come within its grace.
         * @enum {string}
         */
        GraceOverAsked: "put_back_once" | "no_show";
        /** @description `ok`. */
        Health: {
            /** @example ok */
            status: string;
        };
        /**
         * @description What to do when something ordered is sold out.
         * @enum {string}
         */
        IfSoldOut: "refuse" | "drop";
        /** @description A menu item that is ordered. */
        Item: {
            /** @description Its id. */
            item: string;
            /** Format: int32 */
            quantity: number;
        };
        /** @description A party that wants a number. */
        Join: {
            /**
             * Format: int32
             * @example 2
             */
            adults: number;
            channel: components["schemas"]["ChannelAsked"];
            /**
             * Format: int32
             * @description Children who need a seat.
             */
            children?: number | null;
            /** @description The code at the door, where a restaurant asks for it. */
            door?: string | null;
            if_sold_out?: components["schemas"]["IfSoldOut"] | null;
            /** @description Each item once. */
            items?: components["schemas"]["Item"][] | null;
            /**
             * @description BCP 47.
             * @example ko
             */
            lang?: string | null;
            /**
             * @description The line's letter.
             * @example A
             */
            line: string;
            name?: string | null;
            /** @description By staff only. */
            note?: string | null;
            /** @description One active ticket per phone. Only a keyed hash and the last four digits are kept. */
            phone?: string | null;
            /**
             * Format: int32
             * @description By staff only: so many waiting tickets of the line stay ahead; beyond the end is the end. The end unless given.
             */
            place?: number | null;
        };
        /** @description A ticket that was just given. */
        Joined: components["schemas"]["TicketView"] & {
            /** @description For people without a phone, with the number. */
            code: string;
            /** @description Items left out because they are sold out. */
            dropped: string[];
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            /**
             * Format: uri
             * @description The page that follows it.
             */
            url: string;
        };
        /** @description A line of a restaurant. */
        LineBody: {
            eta?: components["schemas"]["Eta"] | null;
            /**
             * @description Its letter.
             * @example A
             */
            line: string;
            /** @description Shown. */
            name: string;
            /** @description Whether guests may take a number of this line. */
            state: components["schemas"]["OpenState"];
            /**
             * Format: int64
             * @description When it opens again.
             */
            until?: number | null;
            /**
             * Format: int32
             * @description Waiting tickets.
             */
            waiting: number;
        };
        /** @description Totals of one line. */
        LineTotals: components["schemas"]["Totals"] & {
            /**
             * @description Its letter.
             * @example A
             */
            line: string;
        };
        /** @description A line on board and console. */
        LineView: {
            /** @description Called numbers, newest first. */
            called: components["schemas"]["CalledNumber"][];
            eta?: components["schemas"]["Eta"] | null;
            /** @description The wait of other parties that join now. */
            eta_by_party: components["schemas"]["EtaOfParty"][];
            /** @description Its letter. */
            line: string;
            /** @description Numbers that did not come, newest first. */
            missed: components["schemas"]["NumberAt"][];
            /** @description Shown. */
            name: string;
            /** @description The first numbers in the line, at most three. */
            next: string[];
            /**
             * Format: int32
             * @description Those of them that are at the restaurant.
             */
            onsite: number;
            /** @description Why, in staff's words. */
            reason?: string | null;
            /** @description The newest calls, newest first. */
            recent: components["schemas"]["NumberAt"][];
            /**
             * Format: int32
             * @description Those of them that are not.
             */
            remote: number;
            /** @description Whether guests may take a number of this line. */
            state: components["schemas"]["OpenState"];
            /**
             * Format: int32
             * @description Tickets given out on this business day.
             */
            today: number;
            /**
             * Format: int64
             * @description When it opens again.
             */
            until?: number | null;
            /**
             * Format: int32
             * @description Waiting tickets.
             */
            waiting: number;
        };
        /** @description What can be ordered ahead. */
        MenuBody: {
            items: components["schemas"]["MenuItemBody"][];
        };
        /** @description Something to order. */
        MenuItemBody: {
            id: string;
            /**
             * Format: int64
             * @description Units left; null when it is not counted.
             */
            left?: number | null;
            name: string;
            /**
             * Format: int64
             * @description Of one unit, in the minor unit of the restaurant's currency.
             */
            price: number;
            sold_out: boolean;
        };
        /** @description Nothing, or an empty object. */
        NoBody: Record<string, never>;
        /** @description Something the holder of a ticket should be told. */
        Notice: {
            /** @description What the text of this kind needs. */
            args?: Record<string, never>;
            /**
             * Format: int64
             * @description When.
             */
            at: number;
            /**
             * Format: int64
             * @description Grows within a ticket.
             */
            id: number;
            /** @description `close next last_call overtaken passed_over not_here items_lost deadline_moved paused announcement`. */
            kind: string;
        };
        /** @description A number that was called, and when. */
        NumberAt: {
            /**
             * Format: int64
             * @description When.
             */
            at: number;
            /** @description `A017`. */
            number: string;
        };
        /**
         * @description Whether guests may take a number.
         * @enum {string}
         */
        OpenState: "open" | "direct" | "paused" | "closed" | "other";
        /**
         * @description Whether guests may take a number.
         * @enum {string}
         */
        OpenStateAsked: "open" | "direct" | "paused" | "closed";
        /** @description A pre-ordered menu item. `held` of `quantity` were taken from stock (0 for an item that is not counted). */
        OrderedItem: {
            /** @description Menu item id. */
            item: string;
            /**
             * Format: int32
             * @description Units that could not be taken again after a return.
             */
            lost?: number;
            /** @description Its name when ordered. */
            name: string;
            /**
             * Format: int64
             * @description Price of one unit when ordered, in the currency's minor unit.
             */
            price: number;
            /**
             * Format: int32
             * @description Units ordered, at least 1.
             */
            quantity: number;
        };
        /** @description What both staff and the holder see of a ticket. */
        OwnView: {
            /**
             * Format: int32
             * @description At least 1.
             */
            adults: number;
            /**
             * Format: int32
             * @description Waiting tickets before it; null unless waiting.
             */
            ahead?: number | null;
            /**
             * Format: int64
             * @description The last call.
             */
            called_at?: number | null;
            /**
             * Format: int32
             * @description Calls since it was last put into the line.
             */
            calls: number;
            /** @description Where it joined. */
            channel: components["schemas"]["Channel"];
            /** @description At the restaurant now. */
            checked_in: boolean;
            /**
             * Format: int32
             * @description Children with a seat.
             */
            children: number;
            /**
             * Format: int32
             * @description Delays used.
             */
            delays: number;
            /**
             * Format: int32
             * @description Delays the guest may still ask for.
             */
            delays_left: number;
            ended?: components["schemas"]["Ended"] | null;
            eta?: components["schemas"]["Eta"] | null;
            eta_at_join?: components["schemas"]["Eta"] | null;
            /**
             * Format: int64
             * @description When the grace of the last call ends; only while called.
             */
            grace_until?: number | null;
            /** @description The holder's capability. */
            id: string;
            /** @description Pre-order. */
            items: components["schemas"]["OrderedItem"][];
            /**
             * Format: int64
             * @description When it joined.
             */
            joined_at: number;
            /** @description The guest's language, BCP 47. */
            lang?: string | null;
            /** @description Its line. */
            line: string;
            /**
             * Format: int64
             * @description When it was last marked missed.
             */
            missed_at?: number | null;
            /** @description `A017`. */
            number: string;
            /** @description Place in the line: compared as text. */
            order: string;
            /**
             * Format: int32
             * @description Parties called before this one although they were behind it.
             */
            overtaken: number;
            /** @description Last four digits of the phone number. */
            phone_last4?: string | null;
            /** @description What it is called where the id must not appear. */
            ref: string;
            /**
             * Format: int64
             * @description Until when a missed guest may rejoin.
             */
            rejoin_until?: number | null;
            /**
             * Format: int64
             * @description When it was seated.
             */
            seated_at?: number | null;
            /** @description State. */
            state: components["schemas"]["TicketState"];
            /** @description Where to come to. */
            to?: string | null;
            /**
             * Format: int64
             * @description What it costs, in the currency's minor unit; lost units are not charged.
             */
            total: number;
            /**
             * Format: int64
             * @description Until when the last act can be undone.
             */
            undo_until?: number | null;
        };
        /** @description All rules. Durations in seconds. */
        Policy: {
            /**
             * Format: int32
             * @description Most waiting tickets in a line.
             */
            capacity?: number | null;
            /** @description Whether a remote ticket must check in before it can be called. */
            check_in_before_call: boolean;
            /**
             * Format: int32
             * @description From how many ahead a guest is told to come close.
             */
            close_ahead: number;
            /**
             * Format: int32
             * @description Most joins of the restaurant in a business day.
             */
            daily_max?: number | null;
            /** @description Local time at which a business day starts, `HH:MM`. */
            day_starts: string;
            /**
             * Format: int32
             * @description The most places of one move back.
             */
            delay_places_max: number;
            /**
             * Format: int32
             * @description Delays a guest has.
             */
            delays: number;
            /** @description What follows when the grace is over. */
            grace_over: components["schemas"]["GraceOver"];
            /**
             * Format: int32
             * @description How long a call is held, at least 1.
             */
            grace_s: number;
            /**
             * Format: int32
             * @description How long before the grace ends the guest is reminded.
             */
            last_call_s: number;
            /**
             * Format: int32
             * @description Overtakings from which a row is flagged.
             */
            overtaken_max: number;
            /**
             * Format: int32
             * @description Largest party by guests.
             */
            party_max: number;
            /**
             * Format: int32
             * @description Smallest party by guests.
             */
            party_min: number;
            /**
             * Format: int32
             * @description Most units of one item on a ticket.
             */
            per_ticket_max: number;
            /** @description Whether being there has to be shown. */
            presence: components["schemas"]["Presence"];
            /**
             * Format: int32
             * @description Further calls of one call.
             */
            recalls: number;
            /**
             * Format: int32
             * @description How long a missed guest may rejoin.
             */
            rejoin_s: number;
            /** @description Whether guests may join from elsewhere. */
            remote: boolean;
            /**
             * Format: int32
             * @description How long after the restaurant opened remote joins begin.
             */
            remote_opens_after_s: number;
            /**
             * Format: int32
             * @description Largest share of remote among the waiting, in percent.
             */
            remote_share_max?: number | null;
            /**
             * Format: int32
             * @description After this a seated party counts as gone.
             */
            stay_s: number;
            /**
             * Format: int32
             * @description How long an act can be undone.
             */
            undo_s: number;
        };
        /** @description Rules to change; what is left out stays. The fields are those of `Policy`. */
        PolicyChange: {
            /** Format: int32 */
            capacity?: number | null;
            check_in_before_call?: boolean | null;
            /** Format: int32 */
            close_ahead?: number | null;
            /** Format: int32 */
            daily_max?: number | null;
            day_starts?: string | null;
            /** Format: int32 */
            delay_places_max?: number | null;
            /** Format: int32 */
            delays?: number | null;
            grace_over?: components["schemas"]["GraceOverAsked"] | null;
            /** Format: int32 */
            grace_s?: number | null;
            /** Format: int32 */
            last_call_s?: number | null;
            /** Format: int32 */
            overtaken_max?: number | null;
            /** Format: int32 */
            party_max?: number | null;
            /** Format: int32 */
            party_min?: number | null;
            /** Format: int32 */
            per_ticket_max?: number | null;
            presence?: components["schemas"]["PresenceAsked"] | null;
            /** Format: int32 */
            recalls?: number | null;
            /** Format: int32 */
            rejoin_s?: number | null;
            remote?: boolean | null;
            /** Format: int32 */
            remote_opens_after_s?: number | null;
            /** Format: int32 */
            remote_share_max?: number | null;
            /** Format: int32 */
            stay_s?: number | null;
            /** Format: int32 */
            undo_s?: number | null;
        };
        /**
         * @description Whether being there has to be shown.
         * @enum {string}
         */
        Presence: "open" | "code" | "other";
        /**
         * @description Whether being there has to be shown.
         * @enum {string}
         */
        PresenceAsked: "open" | "code";
        /** @description The wire shape. */
        Problem: {
            /**
             * @description For programs.
             * @example line_full
             */
            code: string;
            /** @description For people, about this occurrence. */
            detail: string;
            /** @description With `invalid`: every field that is wrong, and how. */
            errors?: components["schemas"]["FieldError"][];
            /** @description With `sold_out`: the items. */
            items?: string[];
            /** @description Names this request in the server's log; also the header `X-Request-Id`. */
            request_id: string;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description For people, the same for every occurrence. */
            title: string;
            /**
             * @description Names the code as a URI.
             * @example urn:waitless:problem:line_full
             */
            type: string;
        };
        /** @description How far back. */
        PutBack: {
            /**
             * Format: int32
             * @description 1 unless given.
             */
            places?: number | null;
        };
        /** @description The `queue` frame. */
        QueueFrame: {
            announcement?: components["schemas"]["Announcement"] | null;
            /**
             * Format: int64
             * @description Redis's clock.
             */
            at: number;
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /**
             * Format: int32
             * @description When the next frame comes at the latest.
             */
            every_ms: number;
            /** @description Every line, by letter. */
            lines: components["schemas"]["LineView"][];
            /** @description Whether the state is known to be current. */
            live: boolean;
            /** @description The restaurant. */
            restaurant: components["schemas"]["BoardRestaurant"];
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            /** @description Units left of every menu item; null when not counted. */
            stock: {
                [key: string]: number | null;
            };
            /** @description Everybody, in no particular order. */
            tickets: components["schemas"]["TicketView"][];
            /** @description `queue`. */
            type: components["schemas"]["FrameType"];
        };
        /** @description `ok`, and what does not work all the same: the line goes on without it. */
        Ready: {
            /**
             * @description Of `postgres`, `redis`, `recorder`, `timers`, `restaurants`, `revocations`; others may come.
             * @example []
             */
            degraded: string[];
            /** @example ok */
            status: string;
        };
        /** @description Who did it. */
        RecordedActor: {
            /** @description The account. */
            account?: string | null;
            /** @description Its name now; null when it is gone. */
            account_name?: string | null;
            /** @description The paired device. */
            device?: string | null;
            /** @description In which capacity. */
            role: components["schemas"]["Role"];
        };
        /** @description How a ticket ended. */
        RecordedEnd: {
            /**
             * Format: int64
             * @description When.
             */
            at?: number | null;
            by?: components["schemas"]["Role"] | null;
            /** @description A reason code, `day_end`, or text by staff. */
            reason?: string | null;
        };
        /** @description A ticket as the record has it. Without `Debug`, because it names people. */
        RecordedTicket: {
            /**
             * Format: int32
             * @description At least 1.
             */
            adults: number;
            /**
             * Format: int32
             * @description Waiting tickets before it when it joined.
             */
            ahead_at_join: number;
            /**
             * Format: int64
             * @description The last call.
             */
            called_at?: number | null;
            /**
             * Format: int32
             * @description Calls since it was last put into the line.
             */
            calls: number;
            /** @description Where it joined. */
            channel: components["schemas"]["Channel"];
            /** @description At the restaurant. */
            checked_in: boolean;
            /**
             * Format: int32
             * @description Children with a seat.
             */
            children: number;
            /**
             * Format: date
             * @description The business day on which it joined.
             * @example 2026-11-22
             */
            day: string;
            /**
             * Format: int32
             * @description Delays used.
             */
            delays: number;
            ended?: components["schemas"]["RecordedEnd"] | null;
            /** @description Whether contact data has been erased. */
            erased: boolean;
            eta_at_join?: components["schemas"]["Eta"] | null;
            /** @description What was ordered. */
            items: components["schemas"]["OrderedItem"][];
            /**
             * Format: int64
             * @description When it joined.
             */
            joined_at: number;
            /** @description Null when there was none, and when erased. */
            lang?: string | null;
            /**
             * @description The line's letter.
             * @example A
             */
            line: string;
            /**
             * Format: int64
             * @description When it was last marked missed.
             */
            missed_at?: number | null;
            /** @description Null when there was none, and when erased. */
            name?: string | null;
            /** @description Null when there was none, and when erased. */
            note?: string | null;
            /**
             * @description Called at the door.
             * @example A017
             */
            number: string;
            /**
             * Format: int32
             * @description Parties called before it although they were behind it.
             */
            overtaken: number;
            /** @description Null when there was none, and when erased. */
            phone_last4?: string | null;
            /** @description What it goes by. */
            ref: string;
            /**
             * Format: int64
             * @description When it was seated.
             */
            seated_at?: number | null;
            /** @description Where it is in its life. */
            state: components["schemas"]["TicketState"];
            /**
             * Format: int64
             * @description What the pre-order costs, in the minor unit of the restaurant's currency.
             */
            total: number;
        };
        /** @description Some tickets of a business day, by when they joined. */
        RecordedTicketPage: {
            items: components["schemas"]["RecordedTicket"][];
            /** @description `after` of the next page; null at the end. */
            next?: string | null;
        };
        /** @description Something that happened to a ticket. */
        RecordedTransition: {
            /**
             * Format: int64
             * @description When.
             */
            at: number;
            /** @description By whom. */
            by: components["schemas"]["RecordedActor"];
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /** @description The line it was in afterwards. */
            line: string;
            /**
             * @description The event's name; `ticket.overtaken` when another was called before it.
             * @example ticket.called
             */
            name: string;
            /** @description A reason code, or text by staff. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Changes of the restaurant's live state so far.
             */
            rev: number;
            /** @description The state it was in afterwards. */
            state: components["schemas"]["TicketState"];
        };
        /** @description A refresh token. */
        Refresh: {
            refresh_token: string;
        };
        /** @description A restaurant. */
        RestaurantBody: {
            announcement?: components["schemas"]["Announcement"] | null;
            /**
             * @description ISO 4217.
             * @example KRW
             */
            currency: string;
            /**
             * @description Never changes.
             * @example 4611686018427387904
             */
            id: string;
            /** @description Its lines, by letter; empty when they are not known just now. */
            lines: components["schemas"]["LineBody"][];
            /** @description Shown. */
            name: string;
            /** @description Why, in staff's words. */
            reason?: string | null;
            /**
             * @description The name in paths.
             * @example demo
             */
            slug: string;
            state?: components["schemas"]["OpenState"] | null;
            /**
             * @description IANA name.
             * @example Asia/Seoul
             */
            time_zone: string;
            /**
             * Format: int64
             * @description When it opens again.
             */
            until?: number | null;
        };
        /** @description Some restaurants, oldest first. */
        RestaurantPage: {
            items: components["schemas"]["RestaurantBody"][];
            /** @description `after` of the next page; null at the end. */
            next?: string | null;
        };
        /** @description Where to. */
        Restore: {
            /**
             * Format: int32
             * @description Places from the head, 0 unless given.
             */
            places?: number | null;
        };
        /**
         * @description In which capacity somebody acts.
         * @enum {string}
         */
        Role: "guest" | "device" | "staff" | "owner" | "admin" | "timer" | "other";
        /** @description New values; what is absent has not changed. */
        SetView: {
            announcement?: components["schemas"]["Announcement"] | null;
            /** @description All lines. */
            lines?: components["schemas"]["LineView"][] | null;
            restaurant?: components["schemas"]["BoardRestaurant"] | null;
            /** @description Changed stock. */
            stock?: {
                [key: string]: number | null;
            } | null;
            /** @description Changed tickets. */
            tickets?: components["schemas"]["TicketView"][] | null;
        };
        /** @description What is needed to sign in. */
        SignIn: {
            email: string;
            /** Format: password */
            password: string;
        };
        /** @description What is needed to sign up. There is no role: nobody gives one to themselves. */
        SignUp: {
            /** Format: email */
            email: string;
            /** @description Shown to colleagues. */
            name: string;
            /** Format: password */
            password: string;
        };
        /** @description A state of restaurant or line. */
        State: {
            /** @description For guests to read. */
            reason?: string | null;
            state: components["schemas"]["OpenStateAsked"];
            /**
             * Format: int64
             * @description When it opens again by itself; later than now.
             */
            until?: number | null;
        };
        /** @description The state that is set. */
        StateSet: {
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            reason?: string | null;
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            state: components["schemas"]["OpenState"];
            /** Format: int64 */
            until?: number | null;
        };
        /** @description More or less. */
        StockAdjust: {
            /**
             * Format: int64
             * @description Added to what is left.
             */
            by: number;
        };
        /** @description What is left of an item. */
        StockBody: {
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            item: string;
            /**
             * Format: int64
             * @description Null: not counted.
             */
            left?: number | null;
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
        };
        /** @description What became of a menu item on a day. */
        StockOfDay: {
            /**
             * Format: int64
             * @description Units ordered by parties that sat down.
             */
            consumed: number;
            /** @description Menu item id. */
            item: string;
            /**
             * Format: int64
             * @description Units left at the end of the day, now for a day that goes on; null when not counted.
             */
            left?: number | null;
            /** @description As ordered last, else as on the menu; null when neither is known. */
            name?: string | null;
        };
        /** @description What is left. */
        StockSet: {
            /**
             * Format: int32
             * @description Units left; null stops counting.
             */
            left: number | null;
        };
        /** @description Sent when nothing else was, so that silence means a broken connection. */
        Tick: {
            /**
             * Format: int64
             * @description Redis's clock, as far as this server knows it.
             */
            at: number;
            /**
             * Format: int32
             * @description When the next frame comes at the latest.
             */
            every_ms: number;
            /** @description False when this server has had no word from Redis for 3 s. */
            live: boolean;
            /** @description `tick`. */
            type: components["schemas"]["FrameType"];
        };
        /** @description The ticket after a command. */
        TicketBody: {
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /**
             * Format: int64
             * @description Changes of the live state so far.
             */
            rev: number;
            ticket: components["schemas"]["TicketView"];
        };
        /** @description The `ticket` frame: what its holder sees. */
        TicketFrame: components["schemas"]["OwnView"] & {
            /**
             * Format: int32
             * @description Waiting tickets before it when it joined.
             */
            ahead_at_join: number;
            /**
             * Format: int64
             * @description Redis's clock.
             */
            at: number;
            /**
             * Format: int64
             * @description Which life of Redis.
             */
            epoch: number;
            /** @description How good the ranges shown at joining turned out; null until that is measured. */
            eta_record?: Record<string, never> | null;
            /**
             * Format: int32
             * @description When the next frame comes at the latest.
             */
            every_ms: number;
            last_called?: components["schemas"]["NumberAt"] | null;
            /** @description The name of its line. */
            line_name: string;
            /** @description Whether the state is known to be current. */
            live: boolean;
            /** @description What its holder should be told, at most five. */
            notices: components["schemas"]["Notice"][];
            /** @description Its restaurant. */
            restaurant: components["schemas"]["TicketRestaurant"];
            /**
             * Format: int64
             * @description Changes of the restaurant's live state so far.
             */
            rev: number;
            /** @description `ticket`. */
            type: components["schemas"]["FrameType"];
        };
        /** @description A ticket and what happened to it, oldest first; of more than a thousand, the newest thousand. */
        TicketHistory: {
            /** @description What happened. */
            items: components["schemas"]["RecordedTransition"][];
            /** @description As it is now. */
            ticket: components["schemas"]["RecordedTicket"];
        };
        /** @description The restaurant of a ticket. */
        TicketRestaurant: {
            /** @description Shown. */
            name: string;
            /** @description The name in paths. */
            slug: string;
            /** @description Whether guests may take a number. */
            state: components["schemas"]["OpenState"];
        };
        /**
         * @description Where a ticket is in its life.
         * @enum {string}
         */
        TicketState: "waiting" | "called" | "seated" | "completed" | "cancelled" | "no_show" | "other";
        /** @description T: a ticket as staff see it and as commands answer it. */
        TicketView: components["schemas"]["OwnView"] & {
            /** @description As given. */
            name?: string | null;
            /** @description Staff's note. */
            note?: string | null;
        };
        /** @description What somebody who is signed in gets, beside the cookie `wl_session`. */
        Tokens: {
            /** @description For `Authorization: Bearer`. */
            access_token: string;
            /**
             * Format: int64
             * @description Seconds until the access token ends.
             */
            expires_in: number;
            /** @description Good once, for new tokens. */
            refresh_token: string;
        };
        /** @description Parties, their waits and why they left. */
        Totals: components["schemas"]["Counts"] & {
            /** @description Who ended the cancelled ones. */
            cancelled_by: components["schemas"]["CancelledBy"];
            wait?: components["schemas"]["Waits"] | null;
        };
        /** @description What runs here. */
        Version: {
            name: string;
            /**
             * @description The WebSocket subprotocol spoken.
             * @example waitless.v1
             */
            protocol: string;
            /** @example 0.1.0 */
            version: string;
        };
        /** @description Seconds from joining to sitting down. */
        Waits: {
            /**
             * Format: int64
             * @description On average.
             */
            mean_s: number;
            /**
             * Format: int64
             * @description Half waited no longer.
             */
            p50_s: number;
            /**
             * Format: int64
             * @description Nine of ten waited no longer.
             */
            p90_s: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Actor = components['schemas']['Actor'];
export type Announced = components['schemas']['Announced'];
export type Announcement = components['schemas']['Announcement'];
export type AnnouncementText = components['schemas']['AnnouncementText'];
export type BoardFrame = components['schemas']['BoardFrame'];
export type BoardRestaurant = components['schemas']['BoardRestaurant'];
export type Bye = components['schemas']['Bye'];
export type Call = components['schemas']['Call'];
export type CallNext = components['schemas']['CallNext'];
export type CallReason = components['schemas']['CallReason'];
export type CalledNumber = components['schemas']['CalledNumber'];
export type Cancel = components['schemas']['Cancel'];
export type CancelledBy = components['schemas']['CancelledBy'];
export type Channel = components['schemas']['Channel'];
export type ChannelAsked = components['schemas']['ChannelAsked'];
export type CheckIn = components['schemas']['CheckIn'];
export type Counts = components['schemas']['Counts'];
export type DayListed = components['schemas']['DayListed'];
export type DayListedTotals = components['schemas']['DayListedTotals'];
export type DayPage = components['schemas']['DayPage'];
export type DaySummary = components['schemas']['DaySummary'];
export type Delay = components['schemas']['Delay'];
export type DeltaFrame = components['schemas']['DeltaFrame'];
export type Edit = components['schemas']['Edit'];
export type Ended = components['schemas']['Ended'];
export type Eta = components['schemas']['Eta'];
export type EtaOfParty = components['schemas']['EtaOfParty'];
export type EventView = components['schemas']['EventView'];
export type FieldError = components['schemas']['FieldError'];
export type Find = components['schemas']['Find'];
export type Found = components['schemas']['Found'];
export type FrameType = components['schemas']['FrameType'];
export type GraceOver = components['schemas']['GraceOver'];
export type GraceOverAsked = components['schemas']['GraceOverAsked'];
export type Health = components['schemas']['Health'];
export type IfSoldOut = components['schemas']['IfSoldOut'];
export type Item = components['schemas']['Item'];
export type Join = components['schemas']['Join'];
export type Joined = components['schemas']['Joined'];
export type LineBody = components['schemas']['LineBody'];
export type LineTotals = components['schemas']['LineTotals'];
export type LineView = components['schemas']['LineView'];
export type MenuBody = components['schemas']['MenuBody'];
export type MenuItemBody = components['schemas']['MenuItemBody'];
export type NoBody = components['schemas']['NoBody'];
export type Notice = components['schemas']['Notice'];
export type NumberAt = components['schemas']['NumberAt'];
export type OpenState = components['schemas']['OpenState'];
export type OpenStateAsked = components['schemas']['OpenStateAsked'];
export type OrderedItem = components['schemas']['OrderedItem'];
export type OwnView = components['schemas']['OwnView'];
export type Policy = components['schemas']['Policy'];
export type PolicyChange = components['schemas']['PolicyChange'];
export type Presence = components['schemas']['Presence'];
export type PresenceAsked = components['schemas']['PresenceAsked'];
export type Problem = components['schemas']['Problem'];
export type PutBack = components['schemas']['PutBack'];
export type QueueFrame = components['schemas']['QueueFrame'];
export type Ready = components['schemas']['Ready'];
export type RecordedActor = components['schemas']['RecordedActor'];
export type RecordedEnd = components['schemas']['RecordedEnd'];
export type RecordedTicket = components['schemas']['RecordedTicket'];
export type RecordedTicketPage = components['schemas']['RecordedTicketPage'];
export type RecordedTransition = components['schemas']['RecordedTransition'];
export type Refresh = components['schemas']['Refresh'];
export type RestaurantBody = components['schemas']['RestaurantBody'];
export type RestaurantPage = components['schemas']['RestaurantPage'];
export type Restore = components['schemas']['Restore'];
export type Role = components['schemas']['Role'];
export type SetView = components['schemas']['SetView'];
export type SignIn = components['schemas']['SignIn'];
export type SignUp = components['schemas']['SignUp'];
export type State = components['schemas']['State'];
export type StateSet = components['schemas']['StateSet'];
export type StockAdjust = components['schemas']['StockAdjust'];
export type StockBody = components['schemas']['StockBody'];
export type StockOfDay = components['schemas']['StockOfDay'];
export type StockSet = components['schemas']['StockSet'];
export type Tick = components['schemas']['Tick'];
export type TicketBody = components['schemas']['TicketBody'];
export type TicketFrame = components['schemas']['TicketFrame'];
export type TicketHistory = components['schemas']['TicketHistory'];
export type TicketRestaurant = components['schemas']['TicketRestaurant'];
export type TicketState = components['schemas']['TicketState'];
export type TicketView = components['schemas']['TicketView'];
export type Tokens = components['schemas']['Tokens'];
export type Totals = components['schemas']['Totals'];
export type Version = components['schemas']['Version'];
export type Waits = components['schemas']['Waits'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
