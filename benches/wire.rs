//! Bytes to events and decisions to signed bytes.
//!
//! `one_signature` is the floor: what libsecp256k1 alone takes for 32 bytes on this machine.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mm_core::action::{Action, ActionBody, Amend, Cloid, NewOrder, Reason, Tif};
use mm_core::instrument::Instrument;
use mm_core::units::{Px, Side, Sz};
use mm_hl::decode::decode_frame;
use mm_hl::exchange_action;
use mm_hl::sign::{Network, Signer, verify};
use mm_hl::wire::Envelope;

const SECRET: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
const BBO: &str = r#"{"channel":"bbo","data":{"coin":"BTC","time":1700000000140,"bbo":[{"px":"50000.0","sz":"0.00125","n":1},{"px":"50010.0","sz":"0.04375","n":2}]}}"#;
const TRADES: &str = r#"{"channel":"trades","data":[{"coin":"BTC","side":"B","px":"50010.0","sz":"0.00025","time":1700000000210,"hash":"0x1111111111111111111111111111111111111111111111111111111111111111","tid":123456789012345,"users":["0x2222222222222222222222222222222222222222","0x3333333333333333333333333333333333333333"]}]}"#;

fn btc() -> Instrument {
    Instrument::new("BTC", 0, 5, 40).expect("a legal instrument")
}

/// A full book, 20 levels a side, as the venue prints it.
fn book() -> String {
    let side = |first: i64, step: i64| {
        let mut text = String::new();
        for level in 0..20 {
            let (px, comma) = (first + step * level, if level == 0 { "" } else { "," });
            let sz = 2_000 + 37 * level;
            let _ = write!(
                text,
                r#"{comma}{{"px":"{px}.0","sz":"0.{sz:05}","n":{}}}"#,
                level % 4 + 1
            );
        }
        text
    };
    let (bids, asks) = (side(63_457, -1), side(63_458, 1));
    format!(
        r#"{{"channel":"l2Book","data":{{"coin":"BTC","time":1700000000070,"levels":[[{bids}],[{asks}]]}}}}"#
    )
}

/// A requote of `count` resting orders.
fn requote(count: u32) -> Action {
    let amend = |at: u32| Amend {
        oid: 57_118_842_019 + u64::from(at),
        order: NewOrder {
            cloid: Cloid::new(7, u64::from(at)),
            side: if at % 2 == 0 { Side::Bid } else { Side::Ask },
            px: Px(634_570 + 10 * i64::from(at)),
            sz: Sz(100 + i64::from(at)),
            tif: Tif::Alo,
            reduce_only: false,
            reason: Reason::Requote,
        },
    };
    Action {
        id: 1,
        cycle: 1,
        body: ActionBody::Modify((0..count).map(amend).collect()),
    }
}

fn body(signer: &Signer, action: &Action, instrument: &Instrument) -> Vec<u8> {
    let action = exchange_action(action, instrument).expect("a legal action");
    let expires = Some(1_785_251_532_000);
    let envelope = signer.sign(action, 1_785_251_522_000, None, expires, Network::Testnet);
    envelope
        .expect("a signed action")
        .to_body()
        .expect("a body")
}

fn decode(c: &mut Criterion) {
    let (btc, book) = (btc(), book());
    let mut group = c.benchmark_group("decode");
    for (name, frame) in [
        ("book_20x20", book.as_str()),
        ("bbo", BBO),
        ("one_trade", TRADES),
    ] {
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| decode_frame(&btc, black_box(frame.as_bytes())).expect("a frame"));
        });
    }
    group.finish();
}

fn sign(c: &mut Criterion) {
    let (btc, book) = (btc(), book());
    let signer = Signer::new(SECRET).expect("a key");
    let mut group = c.benchmark_group("sign");
    group.bench_function("one_signature", |b| {
        b.iter(|| signer.sign_digest(black_box(&[7; 32])));
    });
    for count in [1, 40] {
        let action = requote(count);
        group.bench_function(format!("requote_{count}_to_body"), |b| {
            b.iter(|| body(&signer, black_box(&action), &btc));
        });
    }
    let action = requote(40);
    group.bench_function("book_frame_and_requote_40", |b| {
        b.iter(|| {
            let decoded = decode_frame(&btc, black_box(book.as_bytes())).expect("a frame");
            (decoded, body(&signer, black_box(&action), &btc))
        });
    });
    let sent = body(&signer, &action, &btc);
    group.bench_function("verify_40", |b| {
        b.iter(|| {
            let envelope = Envelope::parse(black_box(&sent)).expect("an envelope");
            verify(&envelope, Network::Testnet).expect("a signer")
        });
    });
    group.finish();
}

criterion_group!(benches, decode, sign);
criterion_main!(benches);
