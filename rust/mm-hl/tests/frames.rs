//! What each channel and body becomes, on one message of every form.

#![expect(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "shared between tests")]
mod samples;

use mm_core::action::Cloid;
use mm_core::event::{
    AccountState, AssetCtx, Bbo, Candle, EventBody, Fees, FillKind, Funding, HeadRoom, Level,
    Novelty, NoveltyPlace, OrderFate, OrderStatus, OrderUpdate, OtherCoins, OtherFill,
    OtherFunding, RateLimit, Transfer, Waiting,
};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz, Time, Usd};
use mm_hl::decode::{
    DecodeError, Decoded, InfoKind, PaperClock, decode_frame, decode_info, decode_order_status,
    decode_reference,
};
use samples::{BODIES, FRAMES};

fn btc() -> Instrument {
    Instrument::new("BTC", 0, 5, 40).unwrap()
}

/// The sample of a channel.
fn frame(channel: &str) -> &'static str {
    let start = format!(r#"{{"channel":"{channel}""#);
    FRAMES
        .iter()
        .find(|frame| frame.starts_with(&start))
        .unwrap()
}

fn decode(frame: &str) -> Result<Decoded, DecodeError> {
    decode_frame(&btc(), frame.as_bytes())
}

fn events(frame: &str) -> Vec<EventBody> {
    match decode(frame).unwrap() {
        Decoded::Events(events) => events,
        decoded => panic!("{frame}: {decoded:?}"),
    }
}

fn one(frame: &str) -> EventBody {
    let mut events = events(frame);
    assert_eq!(events.len(), 1);
    events.pop().unwrap()
}

fn info(kind: &str, recv: Time) -> EventBody {
    let body = BODIES.iter().find(|(at, _)| *at == kind).unwrap().1;
    decode_info(kind.parse().unwrap(), &btc(), body.as_bytes(), recv).unwrap()
}

const STAMP: Time = Time::from_millis(1_769_916_002_123);

#[test]
fn market_channels_are_on_the_lattice() {
    let EventBody::Book(book) = one(frame("l2Book")) else {
        panic!()
    };
    assert_eq!(book.exch, STAMP);
    assert_eq!(
        book.bids[0],
        Level {
            px: Px(775_580),
            sz: Sz(303_622)
        }
    );
    assert_eq!((book.bids.len(), book.asks[1].px), (2, Px(775_610)));

    let bid = Some(Level {
        px: Px(775_580),
        sz: Sz(303_622),
    });
    assert_eq!(
        one(frame("bbo")),
        EventBody::Bbo(Bbo {
            exch: STAMP,
            bid,
            ask: None
        })
    );

    let EventBody::Trades(trades) = one(frame("trades")) else {
        panic!()
    };
    assert_eq!(
        (trades[0].tid, trades[0].side),
        (7, Side::Bid),
        "oldest first"
    );
    assert_eq!((trades[1].side, trades[1].sz), (Side::Ask, Sz(1500)));

    let ctx = AssetCtx {
        mark_px: 77_562.0,
        oracle_px: 77_605.0,
        mid_px: Some(77_558.5),
        funding_rate_per_h: 0.000_012_5,
        premium: Some(-0.000_592_745_3),
        open_interest: 27_353.176_82,
        day_notional_usd: 1_516_669_192.195_389_7,
    };
    assert_eq!(one(frame("activeAssetCtx")), EventBody::AssetCtx(ctx));
}

#[test]
fn an_empty_book_has_no_mid() {
    let text = frame("activeAssetCtx").replace(r#""77558.5""#, "null");
    let EventBody::AssetCtx(ctx) = one(&text) else {
        panic!()
    };
    assert_eq!(ctx.mid_px, None);
    let text = frame("activeAssetCtx").replace(r#""-0.0005927453""#, "null");
    let EventBody::AssetCtx(ctx) = one(&text) else {
        panic!()
    };
    assert_eq!(ctx.premium, None, "a side is too thin to say");
}

#[test]
fn fills_of_one_millisecond_follow_their_positions() {
    let EventBody::Fills(fills) = one(frame("userFills")) else {
        panic!()
    };
    assert!(fills.snapshot);
    let [first, second] = fills.fills[..] else {
        panic!()
    };
    assert_eq!(
        (first.tid, first.start_position, first.fee),
        (2, Sz(0), Usd(-199))
    );
    assert_eq!((first.taker, first.cloid), (true, Some(Cloid::new(1, 2))));
    assert_eq!(
        (second.tid, second.start_position, second.fee),
        (3, Sz(-30), Usd(9_997))
    );
    assert_eq!(
        (second.taker, second.cloid, second.side),
        (false, None, Side::Ask)
    );
}

#[test]
fn order_updates_fold_the_vocabulary() {
    let EventBody::OrderUpdates(updates) = one(frame("orderUpdates")) else {
        panic!()
    };
    let statuses: Vec<_> = updates.iter().map(|update| update.status).collect();
    assert_eq!(
        statuses,
        [
            OrderStatus::Filled,
            OrderStatus::Canceled,
            OrderStatus::Rejected
        ]
    );
    assert_eq!(
        (updates[0].sz, updates[0].cloid),
        (Sz(0), Some(Cloid::new(1, 2)))
    );
    assert_eq!(
        (updates[1].sz, updates[1].cloid, updates[2].cloid),
        (Sz(100), None, None)
    );
}

#[test]
fn every_status_word_of_the_venue_is_known() {
    let words = "open filled canceled triggered rejected marginCanceled vaultWithdrawalCanceled \
        openInterestCapCanceled selfTradeCanceled reduceOnlyCanceled siblingFilledCanceled \
        delistedCanceled liquidatedCanceled outcomeSettledCanceled scheduledCancel internalCancel \
        tickRejected minTradeNtlRejected perpMarginRejected reduceOnlyRejected badAloPxRejected \
        iocCancelRejected badTriggerPxRejected marketOrderNoLiquidityRejected \
        positionIncreaseAtOpenInterestCapRejected positionFlipAtOpenInterestCapRejected \
        tooAggressiveAtOpenInterestCapRejected openInterestIncreaseRejected \
        insufficientSpotBalanceRejected oracleRejected perpMaxPositionRejected \
        tooManyOpenOrdersRejected";
    for word in words.split_whitespace() {
        decode(&frame("orderUpdates").replace("badAloPxRejected", word)).unwrap();
    }
}

#[test]
fn what_the_exchange_forces_on_us_is_told_from_a_trade() {
    let of_us = r#","liquidation":{"liquidatedUser":"0x14791697260E4C9A71f18484c9f997b308e59325","markPx":"66607.0","method":"market"}"#;
    let of_other = r#","liquidation":{"liquidatedUser":"0x4444444444444444444444444444444444444444","markPx":"66607.0","method":"market"}"#;
    let cases = [
        ("Open Short", "", FillKind::Trade),
        ("Open Short", of_us, FillKind::Liquidation),
        ("Open Short", of_other, FillKind::Trade),
        ("Liquidated Isolated Short", "", FillKind::Liquidation),
        ("Auto-Deleveraging", "", FillKind::Adl),
        ("Settlement", "", FillKind::Settlement),
    ];
    for (dir, liquidation, kind) in cases {
        let text = frame("userFills").replace("Open Short", dir).replace(
            r#""feeToken":"USDC""#,
            &format!(r#""feeToken":"USDC"{liquidation}"#),
        );
        let EventBody::Fills(fills) = one(&text) else {
            panic!("{text}")
        };
        let kinds: Vec<FillKind> = fills.fills.iter().map(|fill| fill.kind).collect();
        assert_eq!(kinds, [kind; 2], "{dir}{liquidation}");
        // A query does not name us: the liquidated side is the one that takes.
        let Some((_, rows)) = text.split_once(r#""fills":"#) else {
            panic!("{text}")
        };
        let body = rows.trim_end_matches("}}");
        let queried = decode_info(InfoKind::UserFills, &btc(), body.as_bytes(), Time(0)).unwrap();
        let EventBody::Fills(queried) = queried else {
            panic!("{body}")
        };
        for fill in queried.fills.iter().filter(|_| !liquidation.is_empty()) {
            let expected = if fill.taker {
                FillKind::Liquidation
            } else {
                FillKind::Trade
            };
            assert_eq!(fill.kind, expected, "{dir}{liquidation}");
        }
    }
}

#[test]
fn equal_transfers_of_one_millisecond_are_told_apart() {
    let rows = |hashes: &[&str]| {
        let row = |hash: &&str| {
            format!(r#"{{"time":5,"hash":"{hash}","delta":{{"type":"deposit","usdc":"7.0"}}}}"#)
        };
        let rows: Vec<String> = hashes.iter().map(row).collect();
        let user = "0x14791697260e4c9a71f18484c9f997b308e59325";
        let rows = rows.join(",");
        events(&format!(
            r#"{{"channel":"userNonFundingLedgerUpdates","data":{{"user":"{user}","nonFundingLedgerUpdates":[{rows}]}}}}"#
        ))
    };
    let (one, two) = (format!("0x{:064x}", 1), format!("0x{:064x}", u128::MAX));
    let told = rows(&[&one, &two, &one]);
    assert_eq!(told.len(), 3);
    assert!(told[0] != told[1] && told[0] != told[2] && told[1] != told[2]);
    // Told again, in a snapshot or alone, each is the same as before.
    assert_eq!(rows(&[&one, &two, &one]), told);
    assert_eq!(rows(&[&two]), told[1..2]);
}

/// Ledger updates, `US` and `OTHER` for the accounts, and what each moves, USDC.
#[rustfmt::skip] // a table
const UPDATES: &[(&str, i64)] = &[
    (r#""type":"deposit","usdc":"5.0""#, 5),
    (r#""type":"withdraw","usdc":"5.0","nonce":1,"fee":"1.0""#, -6),
    (r#""type":"accountClassTransfer","usdc":"5.0","toPerp":true"#, 5),
    (r#""type":"accountClassTransfer","usdc":"5.0","toPerp":false"#, -5),
    (r#""type":"internalTransfer","usdc":"5.0","user":"OTHER","destination":"US","fee":"1.0""#, 5),
    (r#""type":"internalTransfer","usdc":"5.0","user":"US","destination":"OTHER","fee":"1.0""#, -6),
    (r#""type":"subAccountTransfer","usdc":"5.0","user":"US","destination":"OTHER""#, -5),
    (r#""type":"vaultCreate","vault":"0x1","usdc":"5.0","fee":"1.0""#, -6),
    (r#""type":"vaultDeposit","vault":"0x1","usdc":"5.0""#, -5),
    (r#""type":"vaultWithdraw","vault":"0x1","netWithdrawnUsd":"5.0""#, 5),
    (r#""type":"vaultDistribution","vault":"0x1","usdc":"5.0""#, 5),
    (r#""type":"vaultLeaderCommission","user":"US","usdc":"5.0""#, 5),
    (r#""type":"vaultLeaderCommission","user":"OTHER","usdc":"5.0""#, 0),
    (r#""type":"liquidation","liquidatedNtlPos":"9.0","accountValue":"1.0""#, 0),
    (r#""type":"rewardsClaim","amount":"5.0""#, 0),
    (r#""type":"spotTransfer","token":"USDC","amount":"5.0""#, 0),
];

#[test]
fn every_kind_of_ledger_update_moves_what_it_moves() {
    let us = "0x14791697260e4c9a71f18484c9f997b308e59325";
    let other = "0x4444444444444444444444444444444444444444";
    for (delta, usdc) in UPDATES {
        let delta = delta
            .replace("US\"", &format!("{us}\""))
            .replace("OTHER", other);
        let text = format!(
            r#"{{"channel":"userNonFundingLedgerUpdates","data":{{"user":"{us}","nonFundingLedgerUpdates":[{{"time":5,"hash":"0x1","delta":{{{delta}}}}}]}}}}"#
        );
        let moved = EventBody::Transfer(Transfer {
            exch: Time::from_millis(5),
            usd: Usd(usdc * 1_000_000),
            id: 1,
        });
        let expected = match usdc {
            0 => Decoded::Ignored,
            _ => Decoded::Events(vec![moved]),
        };
        assert_eq!(decode(&text).unwrap(), expected, "{delta}");
    }
}

#[test]
fn the_fate_of_an_order_is_of_the_order_asked_about() {
    let cloid = Cloid::new(1, 2);
    let ask = |body: &str| decode_order_status(&btc(), cloid, body.as_bytes());
    let fate = |found| EventBody::OrderStatus(OrderFate { cloid, found });
    assert_eq!(ask(r#"{"status":"unknownOid"}"#).unwrap(), fate(None));
    let body = r#"{"status":"order","order":{"order":{"coin":"BTC","side":"B","limitPx":"95000.0","sz":"0.001","oid":9,"timestamp":1769916002000,"origSz":"0.002","cloid":"0x00000000000000010000000000000002","tif":"Alo","reduceOnly":false},"status":"canceled","statusTimestamp":1769916002123}}"#;
    let update = OrderUpdate {
        exch: STAMP,
        oid: 9,
        cloid: Some(cloid),
        sz: Sz(100),
        status: OrderStatus::Canceled,
    };
    assert_eq!(ask(body).unwrap(), fate(Some(update)));
    let other = body.replace("0000000002", "0000000003");
    assert!(ask(&other).unwrap_err().to_string().contains("cloid was"));
    let with = r#"{"status":"unknownOid","order""#;
    let with = body.replace(r#"{"status":"order","order""#, with);
    for bad in [r#"{"status":"order"}"#, &with, "null"] {
        ask(bad).unwrap_err();
    }
}

/// Numbers that are none never become an event.
#[test]
fn nan_and_infinity_are_refused_at_the_door() {
    let mut doors = 0;
    for (name, text) in FRAMES
        .iter()
        .map(|frame| ("frame", *frame))
        .chain(BODIES.iter().map(|(kind, body)| (*kind, *body)))
    {
        for (at, number) in printed_numbers(text) {
            for none in ["NaN", "inf", "-inf", "Infinity", "1e999", "nan"] {
                let bad = format!("{}{none}{}", &text[..at], &text[at + number.len()..]);
                let read = if name == "frame" {
                    match decode(&bad) {
                        Ok(Decoded::Events(events)) => events,
                        _ => Vec::new(),
                    }
                } else {
                    let kind = name.parse().unwrap();
                    let read = decode_info(kind, &btc(), bad.as_bytes(), Time(i64::MAX));
                    read.into_iter().collect()
                };
                for event in &read {
                    let written = serde_json::to_string(event).unwrap();
                    // JSON has no word for them: a number that is none would be null.
                    let before = serde_json::to_string(&clean(name, text)).unwrap();
                    let nulls = |text: &str| text.matches("null").count();
                    assert!(nulls(&written) <= nulls(&before), "{bad} gave {written}");
                }
                doors += 1;
            }
        }
    }
    assert!(doors > 300, "{doors}");
}

/// What the unchanged message gives.
fn clean(name: &str, text: &str) -> Vec<EventBody> {
    if name == "frame" {
        return match decode(text) {
            Ok(Decoded::Events(events)) => events,
            _ => Vec::new(),
        };
    }
    let read = decode_info(
        name.parse().unwrap(),
        &btc(),
        text.as_bytes(),
        Time(i64::MAX),
    );
    read.into_iter().collect()
}

/// Where decimals are printed in strings: each with its place.
fn printed_numbers(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for (nth, part) in text.split('"').enumerate() {
        if nth % 2 == 1 && part.parse::<f64>().is_ok() {
            found.push((at, part));
        }
        at += part.len() + 1;
    }
    found
}

#[test]
fn money_is_cut_at_the_micro_usdc() {
    let paid = |exch, usd| {
        EventBody::Funding(Funding {
            exch: Time::from_millis(exch),
            usd: Usd(usd),
        })
    };
    assert_eq!(
        events(frame("userFundings")),
        [
            paid(1_769_914_800_034, 1_000_000),
            EventBody::OtherFunding(OtherFunding {
                coin: "ETH".to_owned(),
                exch: Time::from_millis(1_769_914_800_034),
                usd: Usd(1_000_000),
            }),
            paid(1_769_918_400_034, -3_625_312)
        ],
        "oldest first, each coin its own, toward zero"
    );
}

/// What the account holds and does in its other coins moves the same equity: exact, whatever their lattice.
#[test]
fn other_perps_of_the_same_margin_are_told_beside_ours() {
    let fill = |coin: &str, tid: u64, side: &str, px: &str, sz: &str| {
        format!(
            r#"{{"coin":"{coin}","px":"{px}","sz":"{sz}","side":"{side}","time":1769914800034,"startPosition":"0.0","dir":"Open Long","closedPnl":"0.0","hash":"0x00","oid":1,"crossed":false,"fee":"-0.01","tid":{tid},"feeToken":"USDC"}}"#
        )
    };
    let printed = [
        fill("ETH", 1, "A", "3000.35", "0.0123"),
        fill("kPEPE", 2, "B", "0.012345", "1000"),
        fill("@107", 3, "B", "20.0", "1.0"),
        fill("PURR/USDC", 4, "B", "0.2", "100.0"),
        fill("xyz:GOLD", 5, "B", "4000.0", "1.0"),
    ]
    .join(",");
    let told = format!(r#"{{"channel":"userFills","data":{{"user":"0x00","fills":[{printed}]}}}}"#);
    let EventBody::Fills(fills) = one(&told) else {
        panic!()
    };
    assert!(fills.fills.is_empty() && !fills.snapshot);
    let of = |coin: &str, tid, size, notional| OtherFill {
        coin: coin.to_owned(),
        exch: Time::from_millis(1_769_914_800_034),
        tid,
        size,
        notional: Usd(notional),
        fee: Usd(-10_000),
    };
    let expected = [
        of("ETH", 1, -12_300, 36_904_305),
        of("kPEPE", 2, 1_000_000_000, 12_345_000),
    ];
    assert_eq!(fills.others, expected);
    let held = |coin: &str, szi: &str, value: &str| {
        format!(
            r#"{{"type":"oneWay","position":{{"coin":"{coin}","szi":"{szi}","positionValue":"{value}"}}}}"#
        )
    };
    let state = format!(
        r#"{{"marginSummary":{{"accountValue":"1000.0","totalMarginUsed":"10.0"}},"assetPositions":[{},{},{}],"time":1}}"#,
        held("BTC", "0.001", "90.0"),
        held("ETH", "-0.0123", "36.9"),
        held("SOL", "2.0", "300.0"),
    );
    let kind = InfoKind::ClearinghouseState;
    let EventBody::Account(account) = decode_info(kind, &btc(), state.as_bytes(), STAMP).unwrap()
    else {
        panic!()
    };
    let others = OtherCoins {
        value: Usd(263_100_000),
        size: 2_000_000 - 12_300,
    };
    assert_eq!((account.position, account.other_coins), (Sz(100), others));
}

#[test]
fn ledger_updates_say_what_moved_the_perp_balance() {
    let moved = |ms, usd| {
        EventBody::Transfer(Transfer {
            exch: Time::from_millis(ms),
            usd: Usd(usd),
            id: 1,
        })
    };
    let first = 1_769_916_002_001;
    assert_eq!(
        events(frame("userNonFundingLedgerUpdates")),
        [
            moved(first, 1_250_000_450_000),
            moved(first + 1, -12_000_000),
            moved(first + 2, -10_000_000),
            moved(first + 3, 4_000_000),
            moved(first + 5, 5_000_000),
        ]
    );
    let silent = frame("userNonFundingLedgerUpdates").replace(r#""toPerp":false"#, r#""x":0"#);
    assert!(decode(&silent).unwrap_err().to_string().contains("toPerp"));
}

/// What the venue may add without telling anybody, and what is left of the message. Whatever is not an
/// addition to a vocabulary is refused as before.
#[test]
fn a_new_word_of_the_venue_is_told_and_spoils_nothing_else() {
    use NoveltyPlace::{Channel, FeeToken, FillDirection, LedgerUpdate, OrderStatus};
    let rows = [
        (
            "userNonFundingLedgerUpdates",
            "spotTransfer",
            "gift",
            LedgerUpdate,
            5,
        ),
        (
            "orderUpdates",
            "badAloPxRejected",
            "pondering",
            OrderStatus,
            1,
        ),
        (
            "userFills",
            r#""Open Short""#,
            r#""Teleported""#,
            FillDirection,
            1,
        ),
        (
            "userFills",
            r#""feeToken":"USDC""#,
            r#""feeToken":"HYPE""#,
            FeeToken,
            1,
        ),
        (
            "user",
            r#""channel":"user""#,
            r#""channel":"oracle""#,
            Channel,
            0,
        ),
    ];
    for (channel, from, to, place, kept) in rows {
        let text = frame(channel).replacen(from, to, 1);
        assert_ne!(text, frame(channel), "{from}");
        let mut told = events(&text);
        let quoted = to.rsplit_once(':').map_or(to, |(_, word)| word);
        let word = quoted.trim_matches('"').to_owned();
        assert_eq!(
            told.pop(),
            Some(EventBody::Novelty(Novelty { place, word })),
            "{text}"
        );
        assert_eq!(told.len(), kept, "{told:?}");
        // The same message with a number that is none is refused, new word or not.
        let times = text.replace(r#""time":1"#, r#""time":-1"#);
        let spoilt = times.replace(r#""statusTimestamp":1"#, r#""statusTimestamp":-1"#);
        assert!(kept == 0 || decode(&spoilt).is_err(), "{spoilt}");
    }
    // Fields of a ledger update of an unknown type are not looked at: they may be of any form.
    let odd = r#"{"channel":"userNonFundingLedgerUpdates","data":{"user":"0x0000000000000000000000000000000000000001","nonFundingLedgerUpdates":[{"time":1769916002123,"hash":"0x1","delta":{"type":"gift","usdc":7,"user":[]}}]}}"#;
    let word = "gift".to_owned();
    let place = LedgerUpdate;
    assert_eq!(one(odd), EventBody::Novelty(Novelty { place, word }));
    // The fill counts, its fee counts as none until the account's value tells.
    let token = frame("userFills").replace(r#""feeToken":"USDC""#, r#""feeToken":"HYPE""#);
    let EventBody::Fills(fills) = events(&token).remove(0) else {
        panic!("{token}")
    };
    assert!(fills.fills.iter().all(|fill| fill.fee == Usd(0)));
    // An answer about one order.
    let cloid = Cloid::new(1, 2);
    let answer = decode_order_status(&btc(), cloid, br#"{"status":"maybe"}"#).unwrap();
    let (place, word) = (NoveltyPlace::OrderAnswer, "maybe".to_owned());
    assert_eq!(answer, EventBody::Novelty(Novelty { place, word }));
}

#[test]
fn the_account_is_of_our_dex() {
    let account = AccountState {
        exch: STAMP,
        account_value: Usd(99_998_920),
        margin_used: Usd(2_383_260),
        position: Sz(15),
        position_value: Usd(11_916_300),
        other_coins: OtherCoins::NONE,
        liquidation_px: None,
    };
    assert_eq!(
        one(frame("clearinghouseState")),
        EventBody::Account(account)
    );
    let near = frame("clearinghouseState").replace(
        r#""liquidationPx":null"#,
        r#""liquidationPx":"2866.26936529""#,
    );
    let liquidation_px = Some(Px(28_662));
    let told = AccountState {
        liquidation_px,
        ..account
    };
    assert_eq!(one(&near), EventBody::Account(told));
    let other = frame("clearinghouseState").replace(r#""dex":"""#, r#""dex":"xyz""#);
    assert_eq!(decode(&other).unwrap(), Decoded::Ignored);
    let long = frame("clearinghouseState").replace("99.99892", "99.9989299999");
    let EventBody::Account(cut) = one(&long) else {
        panic!()
    };
    assert_eq!(cut.account_value, Usd(99_998_929));
}

#[test]
fn head_room_never_rounds_up() {
    let room = HeadRoom {
        leverage: 20,
        max_trade_szs: Some([Sz(76_534), Sz(74_964)]),
    };
    assert_eq!(one(frame("activeAssetData")), EventBody::HeadRoom(room));
}

#[test]
fn what_is_not_an_event_is_told_apart() {
    let clock = PaperClock {
        time: Time(1_769_916_002_123_456_789),
        speed: 20.0,
        instance: "a1".into(),
    };
    assert_eq!(decode(frame("paperClock")).unwrap(), Decoded::Clock(clock));
    assert_eq!(decode(frame("pong")).unwrap(), Decoded::Heartbeat);
    assert_eq!(decode(frame("subscriptionResponse")).unwrap(), Decoded::Ack);
    let error = Decoded::Error(r#"Already subscribed: {"type":"bbo"}"#.into());
    assert_eq!(decode(frame("error")).unwrap(), error);
    assert_eq!(decode(frame("user")).unwrap(), Decoded::Ignored);
    assert_eq!(
        decode(&frame("l2Book").replace("BTC", "ETH")).unwrap(),
        Decoded::Ignored
    );
}

#[test]
fn key_order_carries_no_meaning() {
    let text = r#"{"data":{"bbo":[null,{"n":5,"sz":"3.03622","px":"77558.0"}],"time":1769916002123,"coin":"BTC"},"channel":"bbo"}"#;
    assert!(matches!(
        one(text),
        EventBody::Bbo(Bbo {
            bid: None,
            ask: Some(_),
            ..
        })
    ));
}

#[test]
fn bad_market_data_is_refused_with_its_reason() {
    for (from, to, reason) in [
        ("77557.0", "77558.0", "not sorted"),
        ("77557.0", "77558.55", "at most 1 decimals"),
        ("77557.0", "-1.0", "a positive price"),
        (r#""sz":"0.5""#, r#""sz":"0.0""#, "a positive size"),
        (r#""sz":"0.5""#, r#""sz":"9000000000""#, "notional"),
        (r#""sz":"0.5""#, r#""sz":"90000000000000""#, "1e15 lots"),
        ("1769916002123", "-1", "milliseconds"),
        ("1769916002123", "9223372036854775807", "milliseconds"),
        ("l2Book", "l2Boo\\u006b\",\"x\":\"", "missing field"),
    ] {
        let text = frame("l2Book").replace(from, to);
        match decode(&text) {
            Err(error) => assert!(error.to_string().contains(reason), "{text}: {error}"),
            Ok(decoded) => assert_eq!(reason, "missing field", "{decoded:?}"),
        }
    }
}

#[test]
fn bodies_become_events() {
    let late = Time(i64::MAX);
    let fees = Fees {
        maker: -0.000_01,
        taker: 0.000_45,
    };
    assert_eq!(info("userFees", late), EventBody::Fees(fees));
    let limit = RateLimit {
        used: 2_890,
        cap: 2_864_574,
    };
    assert_eq!(info("userRateLimit", late), EventBody::RateLimit(limit));
    let told = |body: &[u8]| decode_info(InfoKind::PerpsAtOpenInterestCap, &btc(), body, late);
    assert_eq!(
        info("perpsAtOpenInterestCap", late),
        EventBody::AtOpenInterestCap(false)
    );
    assert_eq!(
        told(br#"["BADGER","BTC"]"#).unwrap(),
        EventBody::AtOpenInterestCap(true)
    );
    assert!(told(br#"{"BTC":true}"#).is_err());
    let EventBody::OpenOrders(open) = info("frontendOpenOrders", late) else {
        panic!()
    };
    assert_eq!((open.orders.len(), open.orders[0].reduce_only), (1, true));
    let EventBody::Book(book) = info("l2Book", late) else {
        panic!()
    };
    assert_eq!((book.bids.len(), book.asks.len()), (0, 1));
    let room = HeadRoom {
        leverage: 3,
        max_trade_szs: Some([Sz(0), Sz(74_964)]),
    };
    assert_eq!(info("activeAssetData", late), EventBody::HeadRoom(room));
    assert!("tarot".parse::<InfoKind>().is_err());
    let null = decode_info(InfoKind::L2Book, &btc(), b"null", late);
    assert!(matches!(null, Err(DecodeError::Json { .. })));
}

/// A stop loss or take profit is shown with what it waits for; that of a whole position has no size.
#[test]
fn an_order_that_waits_for_its_price_is_told_from_one_in_the_book() {
    let row = |whole: bool, sz: &str| {
        format!(
            r#"[{{"children":[],"coin":"BTC","isPositionTpsl":{whole},"isTrigger":true,"limitPx":"87400.0",
            "oid":7,"orderType":"Stop Market","origSz":"{sz}","reduceOnly":true,"side":"A","sz":"{sz}",
            "tif":null,"timestamp":1,"triggerCondition":"Price below 95000","triggerPx":"95000.0",
            "cloid":"0x7265736964656e740000000000700001"}}]"#
        )
    };
    let read = |text: &str| {
        decode_info(InfoKind::OpenOrders, &btc(), text.as_bytes(), Time(0)).map(|event| match event
        {
            EventBody::OpenOrders(open) => open.orders[0],
            other => panic!("{other:?}"),
        })
    };
    let order = read(&row(false, "0.5")).unwrap();
    let waits = |whole_position| {
        Some(Waiting {
            px: Px(950_000),
            whole_position,
        })
    };
    assert_eq!((order.px, order.sz), (Px(874_000), Sz(50_000)));
    assert_eq!((order.trigger, order.reduce_only), (waits(false), true));
    assert_eq!(order.cloid, Some(Cloid::resident(7, 1)));
    assert!(order.cloid.is_some_and(Cloid::is_resident));
    let whole = read(&row(true, "0.0")).unwrap();
    assert_eq!((whole.sz, whole.trigger), (Sz::ZERO, waits(true)));
    assert!(read(&row(false, "0.0")).is_err());
    let unsaid = row(true, "0.5").replace(r#""triggerPx":"95000.0","#, "");
    let error = read(&unsaid).unwrap_err().to_string();
    assert!(error.contains("triggerPx"), "{error}");
    let book = row(false, "0.5").replace(r#""isTrigger":true"#, r#""isTrigger":false"#);
    assert_eq!(read(&book).unwrap().trigger, None);
}

#[test]
fn only_closed_candles_count() {
    let closed = |open: i64, close_px| {
        let (open, close) = (Time::from_millis(open), Time::from_millis(open + 59_999));
        Candle {
            open,
            close,
            close_px,
        }
    };
    let both = vec![
        closed(1_681_923_600_000, 29_258.0),
        closed(1_681_923_660_000, 29_260.0),
    ];
    let at = |ms| info("candleSnapshot", Time::from_millis(ms));
    assert_eq!(at(1_681_923_720_000), EventBody::Candles(both.clone()));
    assert_eq!(
        at(1_681_923_719_999),
        EventBody::Candles(both[..1].to_vec())
    );
}

/// Another coin's price is of no lattice of ours: the middle of both sides, and nothing else of it.
#[test]
fn the_price_of_a_coin_that_is_followed_is_read_off_its_touch() {
    let top = |bid: &str, ask: &str| {
        format!(
            r#"{{"channel":"bbo","data":{{"coin":"kPEPE","time":1769916002123,"bbo":[{bid},{ask}]}}}}"#
        )
    };
    let level = |px: &str| format!(r#"{{"px":"{px}","sz":"1","n":2}}"#);
    let read = |coin: &str, frame: &str| decode_reference(coin, frame.as_bytes());
    let told = top(&level("0.0101234567"), &level("0.0101234569"));
    let px = read("kPEPE", &told).unwrap().unwrap();
    assert_eq!(px.exch, STAMP);
    assert!((px.px - 0.010_123_456_8).abs() < 1e-15);
    assert_eq!(read("PEPE", &told).unwrap(), None);
    for nothing in [
        top("null", &level("2")),
        top(&level("2"), &level("2")),
        frame("l2Book").to_owned(),
    ] {
        assert_eq!(read("kPEPE", &nothing).unwrap(), None, "{nothing}");
    }
    for bad in ["0", "-1", "NaN", "inf", "1e999", ""] {
        assert!(
            read("kPEPE", &top(&level(bad), &level("2"))).is_err(),
            "{bad}"
        );
    }
    assert!(read("kPEPE", "{}").is_err());
}
