//! Which expressions and which streams are tried? Random ones, small enough to be read when they
//! fail.
//!
//! ```text
//! list ─► window ─► filters ─► sum, exists, first …  ─► compared, joined by && || ?:
//! ```

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use siaga::event::Detail;
use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Symbols;
use siaga::money::Currency;
use siaga::money::Decimal;

use crate::scene::DAY;
use crate::scene::happened;

const WINDOWS: [&str; 8] = [
    ".last('6h')",
    ".last('1d')",
    ".last('3d')",
    ".last('7d')",
    ".last('30d')",
    ".between('3d', '6h')",
    ".between('7d', '1d')",
    ".between('30d', '7d')",
];
const NEWEST: [&str; 4] = [".last(1)", ".last(2)", ".last(3)", ".last(7)"];

/// Conditions on an item `$`, of the item alone.
const OF_ANY: [&str; 34] = [
    "$.territory == 'north'",
    "$.rep != 'r1' && $.territory != null",
    "$.category == 'a'",
    "'b' == $.category",
    "$.category != null",
    "$.category in ['a', 'b']",
    "['a', 'c'].exists(z, z == $.category)",
    "$.net > 20.0",
    "$.net <= 10.0",
    "$.net < $.cost",
    "$.gross_profit > 0.0",
    "has($.cost)",
    "has($.net) && has($.cost)",
    "!has($.gross_profit) || $.category in ['a', 'c']",
    "$.cost != null && $.cost > 5.0",
    "$.cost > 5.0",
    "$.discount > 1.0",
    "$.quantity >= 2.0",
    "$.channel == 'web'",
    "$.channel.startsWith('w')",
    "!$.non_product",
    "hour($.time) < 12",
    "$.time.getHours('+07:00') < 9",
    "$.time.getDayOfWeek() in [0, 6]",
    "$.category.upperAscii() == 'A'",
    "$.category.upperAscii() != $.category",
    "$.channel < 'tea'",
    "$.channel + $.category >= 'storeb'",
    "size($.channel) > 3",
    "$.channel.substring(1, 3) == 'eb'",
    "$.channel.substring(4) == 'e'",
    "$.channel.indexOf('e') == 1",
    "('x,' + $.channel).split(',').exists(z, z == 'web')",
    "$.category in ['a'] + ['c']",
];
const OF_EVENTS: [&str; 6] = [
    "$.topic == 'price'",
    "$.topic.startsWith('p')",
    "$.sentiment < 0.0",
    "$.duration > 60.0",
    "$.amount > 10.0",
    "$.kind == 'call'",
];
/// Conditions that look beyond the item.
const OF_MORE: [&str; 11] = [
    "in_territory($.rep, $.territory, $.time)",
    "in_territory($.rep, $.territory, $.time) == false",
    "in_territory($.rep, event.territory, now) != null",
    "$.category == event.category",
    "$.net >= event.net",
    "$.time > now - duration('2d')",
    "$.net > orders.last('7d').avg(q, q.net)",
    "lines.last('3d').exists(q, q.category == $.category && q.net > $.net)",
    "$.channel == event.channel || $.cost > 5.0",
    "$.category.orElse('') + '!' == event.category.orElse('') + '!'",
    "$.category in orders.last('7d').map(q, q.category)",
];

/// Measures whose sum can be kept, and those whose sum cannot.
const KEPT: [&str; 8] = [
    "$.net",
    "$.cost",
    "$.discount",
    "$.gross_profit",
    "$.quantity",
    "$.net * 2.0",
    "$.net - $.cost",
    "$.category == 'a' ? 2 : 1",
];
const KEPT_OF_EVENTS: [&str; 3] = ["$.duration", "$.sentiment", "$.amount"];
const COMPUTED: [&str; 3] = ["$.quantity * 0.5", "$.net / $.cost", "$.quantity + 1"];

/// Conditions on a past alert `$`.
const OF_ALERTS: [&str; 13] = [
    "$.rule == 'Cross'",
    "$.rule.startsWith('C')",
    "$.family == 'drift'",
    "$.state == 'won'",
    "$.state in ['won', 'lost', 'dismissed']",
    "$.state != 'firing'",
    "$.closed == null",
    "has($.closed) && $.closed > now - duration('3d')",
    "$.closed - $.opened < duration('2d')",
    "$.value > 20.0",
    "$.opened > now - duration('2d')",
    "orders.last('3d').exists(q, q.time > $.opened)",
    "$.value > orders.last('7d').avg(q, q.net)",
];

fn list() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        5 => Just("lines"),
        4 => Just("orders"),
        3 => select(&["returns", "quotes", "calls", "interactions", "complaints"][..]),
    ]
}

/// A list with its window: whether it is of lines, and whether it is of everything ever seen.
fn windowed() -> impl Strategy<Value = (String, bool, bool)> {
    let window = prop_oneof![
        5 => select(&WINDOWS[..]).prop_map(|window| (window, false)),
        2 => Just(("", true)),
        1 => select(&NEWEST[..]).prop_map(|window| (window, false)),
    ];
    (list(), window)
        .prop_map(|(list, (window, ever))| (format!("{list}{window}"), list == "lines", ever))
}

fn condition(lines: bool, own: bool) -> BoxedStrategy<String> {
    let of_any = select(&OF_ANY[..]);
    let simple = match (lines, own) {
        (true, true) => of_any.boxed(),
        (true, false) => prop_oneof![4 => of_any, 1 => select(&OF_MORE[..])].boxed(),
        (false, true) => prop_oneof![3 => of_any, 1 => select(&OF_EVENTS[..])].boxed(),
        (false, false) => {
            prop_oneof![6 => of_any, 2 => select(&OF_EVENTS[..]), 2 => select(&OF_MORE[..])].boxed()
        }
    };
    let simple = simple.prop_map(str::to_owned);
    prop_oneof![
        5 => simple.clone(),
        1 => (simple.clone(), simple.clone()).prop_map(|(a, b)| format!("{a} && ({b})")),
        1 => (simple.clone(), simple.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
        1 => simple.prop_map(|a| format!("!({a})")),
    ]
    .boxed()
}

/// A list, filtered up to twice, with what it is a list of.
fn filtered() -> impl Strategy<Value = (String, bool, bool)> {
    windowed().prop_flat_map(|(list, lines, ever)| {
        let filters = prop_oneof![
            3 => vec(condition(lines, ever), 0..1),
            2 => vec(condition(lines, ever), 1..3),
        ];
        filters.prop_map(move |filters| {
            let filtered = filters.iter().fold(list.clone(), |list, condition| {
                format!("{list}.filter(f, {})", condition.replace('$', "f"))
            });
            (filtered, lines, ever)
        })
    })
}

fn measure(lines: bool, kept: bool) -> BoxedStrategy<&'static str> {
    match (lines, kept) {
        (true, true) => select(&KEPT[..]).boxed(),
        (true, false) => prop_oneof![3 => select(&KEPT[..]), 1 => select(&COMPUTED[..])].boxed(),
        (false, true) => {
            prop_oneof![3 => select(&KEPT[..]), 1 => select(&KEPT_OF_EVENTS[..])].boxed()
        }
        (false, false) => {
            let kept = prop_oneof![3 => select(&KEPT[..]), 1 => select(&KEPT_OF_EVENTS[..])];
            prop_oneof![3 => kept, 1 => select(&COMPUTED[..])].boxed()
        }
    }
}

fn of_an_alert() -> BoxedStrategy<String> {
    let simple = select(&OF_ALERTS[..]).prop_map(str::to_owned);
    prop_oneof![
        4 => simple.clone(),
        1 => (simple.clone(), simple.clone()).prop_map(|(a, b)| format!("{a} && ({b})")),
        1 => simple.prop_map(|a| format!("!({a})")),
    ]
    .boxed()
}

/// The past alerts of a window, filtered or not.
fn alerts() -> BoxedStrategy<String> {
    let windows: Vec<&str> = WINDOWS.into_iter().chain(NEWEST).chain([""; 4]).collect();
    (select(windows), vec(of_an_alert(), 0..2))
        .prop_map(|(window, filters)| {
            filters.iter().fold(format!("alerts{window}"), |list, condition| {
                format!("{list}.filter(f, {})", condition.replace('$', "f"))
            })
        })
        .boxed()
}

fn number_of_alerts() -> BoxedStrategy<String> {
    let measures = select(&["x.value", "x.value * 2.0"][..]);
    let methods = select(&["sum", "avg", "min", "max", "stddev", "median"][..]);
    let reduced = (alerts(), methods, measures)
        .prop_map(|(list, method, measure)| format!("{list}.{method}(x, {measure})"));
    let counted = (alerts(), of_an_alert())
        .prop_map(|(list, c)| format!("{list}.count(x, {})", c.replace('$', "x")));
    let other = (alerts(), 0_usize..6).prop_map(|(list, which)| match which {
        0 => format!("{list}.distinct(x, x.rule)"),
        1 => format!("{list}.first().value"),
        2 => format!("{list}[1].value"),
        3 => format!("{list}.map(x, x.value).sum()"),
        4 => format!("size({list}.map(x, x.rule + x.state).join(', '))"),
        _ => format!("size({list})"),
    });
    prop_oneof![2 => reduced, 1 => counted, 2 => other].boxed()
}

fn truth_of_alerts() -> BoxedStrategy<String> {
    let methods = select(&["exists", "all", "exists_one"][..]);
    let folded = (alerts(), methods, of_an_alert())
        .prop_map(|(list, method, c)| format!("{list}.{method}(x, {})", c.replace('$', "x")));
    let other = (alerts(), 0_usize..4).prop_map(|(list, which)| match which {
        0 => format!("'Quiet' in {list}.map(x, x.rule)"),
        1 => format!("{list}.last().opened > now - duration('5d')"),
        2 => format!("{list}.first().state == 'firing'"),
        _ => format!("lines.last('3d').exists(q, {list}.exists(x, x.opened <= q.time))"),
    });
    prop_oneof![2 => folded, 1 => other].boxed()
}

/// Something with a number for a value; or money, or null.
fn number() -> BoxedStrategy<String> {
    let reduced = filtered().prop_flat_map(|(list, lines, ever)| {
        let (list, of, held) = (list.clone(), list.clone(), list);
        let methods: &[&str] = if ever {
            &["sum", "avg", "min", "max"]
        } else {
            &["sum", "sum", "avg", "min", "max", "stddev", "median", "median"]
        };
        let reduced = (select(methods), measure(lines, ever))
            .prop_map(move |(method, m)| format!("{list}.{method}(x, {})", m.replace('$', "x")));
        let counted = condition(lines, ever)
            .prop_map(move |c| format!("{of}.count(x, {})", c.replace('$', "x")));
        let sized = Just(format!("size({held})"));
        prop_oneof![4 => reduced, 1 => counted, 1 => sized].boxed()
    });
    let windowed_only = filtered().prop_filter("a window", |(_, _, ever)| !ever);
    let other = (windowed_only, 0_usize..14).prop_map(|((list, lines, _), which)| match which {
        0 => format!("{list}.distinct(x, x.category)"),
        1 => format!("{list}.first().net"),
        2 => format!("{list}.last().quantity"),
        3 => format!("{list}.map(x, x.net).sum()"),
        4 => format!("margin_rate({list})"),
        5 => format!("{list}.quantile(x, x.net, 0.9)"),
        6 => format!("{list}.quantile(x, x.quantity, 0.3)"),
        7 => format!("{list}[1].net"),
        8 => format!("{list}.map(x, x.net)[size(orders.last('3d'))]"),
        9 => format!("{list}.map(x, x.net).median()"),
        10 => format!("size({list}.map(x, x.channel.orElse('-')).join(', '))"),
        11 => format!("{list}.distinct(x, x.channel.orElse('') + x.category.orElse(''))"),
        // Names, and the same words put together.
        12 => format!(
            "{list}.distinct(x, x.channel == 'web' ? x.category : '' + x.category.orElse('c'))"
        ),
        _ if lines => format!("{list}.map(x, x.quantity).max()"),
        _ => format!("days(mean_gap({list}))"),
    });
    let other = other.prop_filter("days is not generated", |text| !text.starts_with("days"));
    prop_oneof![10 => reduced, 4 => other, 1 => number_of_alerts()].boxed()
}

fn truth() -> BoxedStrategy<String> {
    let folded = filtered().prop_flat_map(|(list, lines, ever)| {
        let methods: &[&str] =
            if ever { &["exists", "all"] } else { &["exists", "all", "exists_one"] };
        (select(methods), condition(lines, ever))
            .prop_map(move |(method, c)| format!("{list}.{method}(x, {})", c.replace('$', "x")))
    });
    let signs = select(&["<", "<=", ">", ">="][..]);
    let compared = (number(), signs, select(&["0.0", "1.0", "20.0", "37.5"][..]))
        .prop_map(|(a, sign, b)| format!("{a} {sign} {b}"));
    let owned = (select(&["'a'", "event.category"][..]), option::of(condition(true, true)))
        .prop_map(|(key, filter)| match filter {
            None => format!("lines.exists(x, x.category == {key})"),
            Some(c) => {
                let c = c.replace('$', "f");
                format!("lines.filter(f, {c}).exists(x, {key} == x.category)")
            }
        });
    let mapped = filtered()
        .prop_filter("a window", |(_, _, ever)| !ever)
        .prop_map(|(list, ..)| (list, 0_usize..4))
        .prop_flat_map(|(list, which)| {
            which.prop_map(move |which| match which {
                0 => format!("{list}.map(x, x.category).contains('b')"),
                1 => format!("event.category in {list}.map(x, x.category)"),
                2 => format!("{list}.map(x, x.channel).join('-') < 'store-web'"),
                _ => format!("{list}.map(x, x.channel + '!').last() == 'web!'"),
            })
        });
    let time = (list().prop_filter("of events", |list| *list != "lines"), any::<bool>()).prop_map(
        |(list, last)| {
            let which = if last { "last" } else { "first" };
            format!("{list}.{which}().time > now - duration('5d')")
        },
    );
    prop_oneof![
        6 => folded,
        4 => compared,
        2 => owned,
        1 => mapped,
        1 => time,
        1 => truth_of_alerts(),
    ]
    .boxed()
}

/// One expression of a rule.
pub(crate) fn expression() -> BoxedStrategy<String> {
    prop_oneof![
        4 => number(),
        4 => truth(),
        1 => (truth(), truth()).prop_map(|(a, b)| format!("{a} && {b}")),
        1 => (truth(), truth()).prop_map(|(a, b)| format!("{a} || !({b})")),
        1 => (truth(), truth(), truth()).prop_map(|(a, b, c)| format!("{a} ? {b} : {c}")),
    ]
    .boxed()
}

/// An event on its way: what it is, how much later than others it arrives, and whether it arrives
/// twice.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    kind: Kind,
    quarter_days: i64,
    pub(crate) delay: i64,
    pub(crate) twice: bool,
    euro: Option<bool>,
    channel: Option<&'static str>,
    booked: (Option<&'static str>, Option<&'static str>),
    lines: Vec<LineSketch>,
    talk: Option<TalkSketch>,
}

type LineSketch = (Option<&'static str>, i64, (Option<i64>, Option<i64>, Option<i64>), bool);
type TalkSketch = (Option<&'static str>, Option<i64>, Option<i64>, Option<i64>);

pub(crate) fn sketch() -> impl Strategy<Value = Sketch> {
    let kind = prop_oneof![
        6 => Just(Kind::Order),
        3 => select(
            &[
                Kind::Return,
                Kind::CreditMemo,
                Kind::Quote,
                Kind::Call,
                Kind::CallStarted,
                Kind::CallEnded,
                Kind::Complaint,
                Kind::Email,
            ][..],
        ),
    ];
    let quarter_days = prop_oneof![2 => 0..24_i64, 2 => 0..160_i64, 1 => 0..480_i64];
    let delay = prop_oneof![5 => Just(0_i64), 2 => 1..8_i64, 1 => 1..300_i64];
    let euro = prop_oneof![12 => Just(None), 12 => Just(Some(false)), 1 => Just(Some(true))];
    let category = select(&[Some("a"), Some("b"), Some("c"), None][..]);
    let whole = |range: std::ops::Range<i64>, missing: u32| prop_oneof![missing => Just(None), 10 => range.prop_map(Some)];
    let money = (whole(-5..50, 1), whole(0..40, 2), whole(0..5, 9));
    let line = (category, 1..4_i64, money, prop::bool::weighted(0.1));
    let talk = (
        select(&[None, Some("price"), Some("service")][..]),
        option::of(-10..10_i64),
        option::of(0..200_i64),
        option::of(0..30_i64),
    );
    let head = (kind, quarter_days, delay, prop::bool::weighted(0.1), euro);
    let channel = select(&[None, Some("web"), Some("store")][..]);
    let rep = select(&[None, Some("r1"), Some("r2"), Some("r3")][..]);
    let booked = (rep, select(&[None, Some("north"), Some("south")][..]));
    (head, (channel, booked), vec(line, 0..4), option::of(talk)).prop_map(
        |((kind, quarter_days, delay, twice, euro), (channel, booked), lines, talk)| Sketch {
            kind,
            quarter_days,
            delay,
            twice,
            euro,
            channel,
            booked,
            lines,
            talk,
        },
    )
}

impl Sketch {
    /// The event; `number` makes its id, which does not follow the order of time.
    pub(crate) fn event(&self, number: usize, symbols: &Symbols) -> Event {
        let units = |units: i64| Decimal::from_micros(units * Decimal::SCALE);
        let id = (number * 37 % 101).to_string();
        let blank = happened(symbols, "c", &id, self.quarter_days * DAY / 4);
        let lines =
            self.lines.iter().map(|(category, quantity, (net, cost, discount), fee)| Line {
                product: Some(symbols.intern("p")),
                category: category.map(|name| symbols.intern(name)),
                quantity: units(*quantity),
                net: net.map(units),
                cost: cost.map(units),
                discount: discount.map(units),
                non_product: *fee,
                ..Line::default()
            });
        let detail = self.talk.map(|(topic, sentiment, duration, amount)| {
            Box::new(Detail {
                topic: topic.map(|name| symbols.intern(name)),
                sentiment: sentiment.map(|tenths| Decimal::from_micros(tenths * 100_000)),
                duration_s: duration.map(units),
                amount: amount.map(units),
                ..Detail::default()
            })
        });
        let currency = self.euro.map(|euro| Currency::parse(if euro { "EUR" } else { "USD" }));
        Event {
            kind: self.kind,
            channel: self.channel.map(|name| symbols.intern(name)),
            rep: self.booked.0.map(|name| symbols.intern(name)),
            territory: self.booked.1.map(|name| symbols.intern(name)),
            currency: currency.map(Result::unwrap),
            lines: lines.collect(),
            detail,
            ..blank
        }
    }

    /// When it arrives, if a quarter of a day is one.
    pub(crate) fn arrival(&self) -> i64 {
        self.quarter_days + self.delay
    }
}
