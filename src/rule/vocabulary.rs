//! What can a rule say? The types of the language, and the tables of names that the checker, the completion and the
//! reference page read.

pub mod detectors;
pub mod offers;

use std::fmt;

use crate::state::past::AlertField;
use crate::state::program::Field;
use crate::state::program::KnownField;
use crate::state::program::ProfileField;
use crate::state::value::Arithmetic;
use crate::state::window::List;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `null` alone.
    Null,
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number, a rate.
    Double,
    /// Money in the entity's currency.
    Money,
    /// An instant.
    Time,
    /// A length of time.
    Span,
    /// A text.
    Text,
    /// Known only when the rule runs: an attribute of the customer.
    Dynamic,
    /// What stands for a mistake that was already reported: it fits everywhere.
    Unknown,
}

/// What an item of a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemType {
    /// An order, a call, a complaint …
    Event,
    /// A line of an order.
    Line,
    /// An alert that the entity has had.
    Alert,
    /// A category that the customer may take.
    Offer,
    /// A plain value.
    Value(Type),
}

impl Type {
    /// Whether it can be computed with as a number.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Dynamic | Self::Unknown)
    }

    /// Whether values of the two types can be ordered against each other.
    pub fn compares_with(self, other: Self) -> bool {
        use Type::Dynamic;
        use Type::Money;
        use Type::Unknown;
        match (self, other) {
            (Unknown | Dynamic, _) | (_, Unknown | Dynamic) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (Money, b) => b == Money || b.is_number(),
            (a, Money) => a.is_number(),
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }

    /// With its article, for messages: `an int`, `money`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Int => "an int",
            Self::Double => "a double",
            Self::Money => "money",
            Self::Time => "a timestamp",
            Self::Span => "a duration",
            Self::Text => "a string",
            Self::Dynamic => "an attribute",
            Self::Unknown => "unknown",
        }
    }

    /// The type of `self op other`; none when there is no such operation.
    #[expect(clippy::match_same_arms, reason = "a table, by what stands on the left")]
    pub fn arithmetic(self, op: Arithmetic, other: Self) -> Option<Self> {
        use Arithmetic::Add;
        use Arithmetic::Divide;
        use Arithmetic::Modulo;
        use Arithmetic::Multiply;
        use Arithmetic::Subtract;
        use Type::Double;
        use Type::Dynamic;
        use Type::Int;
        use Type::Money;
        use Type::Span;
        use Type::Text;
        use Type::Time;
        use Type::Unknown;
        Some(match (self, op, other) {
            (Unknown, _, _) | (_, _, Unknown) => Unknown,
            (Dynamic, _, Dynamic | Int | Double) | (Int | Double, _, Dynamic) => Double,
            (Int, _, Int) => Int,
            (Int | Double, Add | Subtract | Multiply | Divide, Int | Double) => Double,
            (Money, Add | Subtract, Money) => Money,
            (Money, Divide, Money) => Double,
            (Money, Multiply | Divide, Int | Double | Dynamic) => Money,
            (Int | Double | Dynamic, Multiply, Money) => Money,
            (Time, Subtract, Time) => Span,
            (Time, Add | Subtract, Span) | (Span, Add, Time) => Time,
            (Span, Add | Subtract | Modulo, Span) => Span,
            (Span, Divide, Span) => Double,
            (Text, Add, Text | Dynamic) | (Dynamic, Add, Text) => Text,
            (Span, Multiply | Divide, Int | Double | Dynamic) => Span,
            (Int | Double | Dynamic, Multiply, Span) => Span,
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Money => "money",
            Self::Time => "timestamp",
            Self::Span => "duration",
            Self::Text => "string",
            Self::Dynamic => "dyn",
            Self::Unknown => "unknown",
        })
    }
}

/// The list of an entity's own past alerts; all other lists are of events.
pub const ALERTS: &str = "alerts";

/// Whether a name is that of a list.
pub fn is_list(name: &str) -> bool {
    name == ALERTS || List::ALL.iter().any(|(_, known)| *known == name)
}

/// Names that an expression sees: the lists of an entity, then single things.
pub const SCOPE: [(&str, &str); 13] = [
    ("orders", "orders of the entity, oldest first"),
    ("lines", "the lines of those orders"),
    ("returns", "returns and credit memos"),
    ("quotes", "quotes sent"),
    ("calls", "calls; one that was seen to start counts once"),
    ("interactions", "everything but orders and returns"),
    ("complaints", "complaints"),
    ("campaign_responses", "answers to campaigns"),
    (
        ALERTS,
        "the entity's own past alerts, the newest 64: those that opened before this moment and were not in the shadow",
    ),
    (
        "event",
        "the event that set the rule off; `event.lines` are its lines. A silence and a schedule have none",
    ),
    ("customer", "what is known of the customer; `rep` or `product` in rules over those"),
    ("now", "the entity's clock: its latest event, or the timer that fired"),
    ("value", "the rule's `value`, in annotations and evidence"),
];

/// Fields of events and of the lines of orders: name, field, type, whether a line has it, what it
/// means.
pub const FIELDS: [(&str, Field, Type, bool, &str); 25] = [
    ("time", Field::Time, Type::Time, true, "when it happened"),
    ("kind", Field::Kind, Type::Text, true, "`order`, `call.started` …"),
    ("channel", Field::Channel, Type::Text, true, "store, web, phone …"),
    ("rep", Field::Rep, Type::Text, true, "id of the sales person"),
    ("territory", Field::Territory, Type::Text, true, "sales territory it was booked in"),
    ("customer", Field::Customer, Type::Text, true, "id of the customer"),
    ("product", Field::Product, Type::Text, true, "id of the product"),
    ("category", Field::Category, Type::Text, true, "category of the product"),
    ("brand", Field::Brand, Type::Text, true, "brand of the product"),
    ("promotion", Field::Promotion, Type::Text, true, "promotion it was sold under"),
    ("quantity", Field::Quantity, Type::Double, true, "units sold"),
    ("net", Field::Net, Type::Money, true, "amount after discount"),
    ("cost", Field::Cost, Type::Money, true, "cost of the goods"),
    ("gross_profit", Field::GrossProfit, Type::Money, true, "net less cost"),
    ("discount", Field::Discount, Type::Money, true, "amount taken off"),
    ("non_product", Field::NonProduct, Type::Bool, true, "postage, fees and the like"),
    ("topic", Field::Topic, Type::Text, false, "what it was about"),
    ("outcome", Field::Outcome, Type::Text, false, "how it ended"),
    ("direction", Field::Direction, Type::Text, false, "inbound or outbound"),
    ("campaign", Field::Campaign, Type::Text, false, "campaign it belongs to"),
    ("severity", Field::Severity, Type::Text, false, "of a complaint"),
    ("duration", Field::Duration, Type::Double, false, "length in seconds"),
    ("sentiment", Field::Sentiment, Type::Double, false, "mood, from -1 to 1"),
    ("amount", Field::Amount, Type::Money, false, "money spoken of"),
    ("count", Field::Count, Type::Double, false, "how often, where the source counts"),
];

/// Fields of the items of `alerts`: name, field, type, what it means.
pub const ALERT_FIELDS: [(&str, AlertField, Type, &str); 7] = [
    ("rule", AlertField::Rule, Type::Text, "name of the rule"),
    ("family", AlertField::Family, Type::Text, "family of the rule: `cross_sell`, `drift` …"),
    ("opened", AlertField::Opened, Type::Time, "when it opened; windows go by it"),
    ("closed", AlertField::Closed, Type::Time, "when it was closed; null while it is open"),
    (
        "state",
        AlertField::State,
        Type::Text,
        "`firing`, `acknowledged`, `snoozed`, or why it was closed: `resolved`, `expired`, `withdrawn`, `won`, `lost`, `dismissed`",
    ),
    ("value", AlertField::Value, Type::Money, "money at stake; null where the rule names none"),
    (
        "offer",
        AlertField::Offer,
        Type::Text,
        "what it offered: its rule's part named `offer`; null where there is none",
    ),
];

/// Fields of `customer`: name, field, type, what it means.
pub const CUSTOMER_FIELDS: [(&str, ProfileField, Type, &str); 7] = [
    ("id", ProfileField::Id, Type::Text, "its id in the source"),
    ("name", ProfileField::Name, Type::Text, "what people call it, else its id"),
    ("kind", ProfileField::Kind, Type::Text, "business, consumer …"),
    ("segment", ProfileField::Segment, Type::Text, "line of business; peers share it"),
    ("tier", ProfileField::Tier, Type::Text, "importance: A, B …"),
    ("territory", ProfileField::Territory, Type::Text, "sales territory"),
    ("owner", ProfileField::Owner, Type::Text, "id of its rep"),
];

/// Fields of `rep`: name, field, type, what it means.
pub const REP_FIELDS: [(&str, KnownField, Type, &str); 9] = [
    ("name", KnownField::RepName, Type::Text, "what people call the rep, else its id"),
    ("title", KnownField::RepTitle, Type::Text, "position"),
    ("manager", KnownField::RepManager, Type::Text, "id of the manager"),
    ("territory", KnownField::RepTerritory, Type::Text, "where the rep sells now, if that is one"),
    ("seniority", KnownField::RepSeniority, Type::Text, "senior, junior …"),
    ("quota", KnownField::RepQuota, Type::Money, "revenue to reach in the period that it is now"),
    ("quota_from", KnownField::RepQuotaFrom, Type::Time, "first instant of that period"),
    ("quota_to", KnownField::RepQuotaTo, Type::Time, "first instant after that period"),
    (
        "team_win_rate",
        KnownField::TeamWinRate,
        Type::Double,
        "share of the decided quotes that all reps win; null before any",
    ),
];

/// Fields of `product`: name, field, type, what it means.
pub const PRODUCT_FIELDS: [(&str, KnownField, Type, &str); 5] = [
    ("name", KnownField::ProductName, Type::Text, "what people call it, else its id"),
    ("category", KnownField::ProductCategory, Type::Text, "its category"),
    ("brand", KnownField::ProductBrand, Type::Text, "its brand"),
    ("list_price", KnownField::ProductListPrice, Type::Money, "price before discount"),
    ("unit_cost", KnownField::ProductUnitCost, Type::Money, "what one unit costs us"),
];

/// List operations with what they take and give, for messages and the reference.
pub const LIST_METHODS: [(&str, &str); 20] = [
    (
        "last",
        "`.last('30d')` the items of the last 30 days; `.last(20)` the newest 20 of a year; `.last()` the newest",
    ),
    ("first", "`.first()` the oldest item"),
    ("between", "`.between('210d', '30d')` the items from 210 to 30 days ago"),
    ("filter", "`.filter(x, condition)` the items for which it holds"),
    ("map", "`.map(x, value)` a value in each item's place"),
    ("exists", "`.exists(x, condition)` whether it holds for one at least"),
    ("all", "`.all(x, condition)` whether it holds for all"),
    ("exists_one", "`.exists_one(x, condition)` whether it holds for exactly one"),
    ("size", "`.size()` how many"),
    ("count", "`.count(x, condition)` for how many it holds"),
    ("sum", "`.sum(x, value)` the sum"),
    ("avg", "`.avg(x, value)` the mean; null of nothing"),
    ("min", "`.min(x, value)` the smallest; null of nothing"),
    ("max", "`.max(x, value)` the largest; null of nothing"),
    ("stddev", "`.stddev(x, value)` the sample standard deviation; null of fewer than two"),
    (
        "quantile",
        "`.quantile(x, value, 0.9)` the value below which 90 % lie, interpolated; null of nothing",
    ),
    ("median", "`.median(x, value)` the value in the middle: `.quantile(x, value, 0.5)`"),
    ("distinct", "`.distinct(x, value)` how many different values, up to 256"),
    ("contains", "`.contains(value)` whether it is in a list of values"),
    ("join", "`.join(', ')` a list of strings as one string"),
];

/// What a single value can be asked, for messages and the reference.
pub static VALUE_METHODS: [(&str, &str); 26] = [
    ("orElse", "`x.orElse(y)` x, or y where x is null"),
    ("startsWith", "`text.startsWith('a')` whether the text begins so"),
    ("endsWith", "`text.endsWith('a')` whether the text ends so"),
    ("contains", "`text.contains('a')` whether it is in the text"),
    ("matches", "`text.matches('^A[0-9]+$')` whether the pattern is found in it (RE2 syntax)"),
    ("size", "`text.size()` number of characters"),
    ("lowerAscii", "`text.lowerAscii()` A to Z become a to z"),
    ("upperAscii", "`text.upperAscii()` a to z become A to Z"),
    ("trim", "`text.trim()` without white space at both ends"),
    ("reverse", "`text.reverse()` the characters from last to first"),
    ("charAt", "`text.charAt(0)` the character at a place, from 0"),
    (
        "indexOf",
        "`text.indexOf('a')`, `text.indexOf('a', 3)` where it first stands, from a place on; else -1",
    ),
    (
        "lastIndexOf",
        "`text.lastIndexOf('a')`, `text.lastIndexOf('a', 3)` where it last stands, up to a place; else -1",
    ),
    (
        "substring",
        "`text.substring(2)`, `text.substring(2, 4)` the characters from a place on, or up to another",
    ),
    (
        "replace",
        "`text.replace('a', 'b')`, `text.replace('a', 'b', 1)` with one part replaced by another, everywhere or so many times",
    ),
    ("split", "`text.split(',')`, `text.split(',', 2)` the list of its parts, so many at most"),
    (
        "getFullYear",
        "`time.getFullYear()` the year; this and all below take a zone: `time.getHours('Europe/Berlin')`, `'+02:00'`",
    ),
    ("getMonth", "`time.getMonth()` the month, January is 0"),
    ("getDate", "`time.getDate()` day of the month, from 1"),
    ("getDayOfMonth", "`time.getDayOfMonth()` day of the month, from 0"),
    ("getDayOfWeek", "`time.getDayOfWeek()` day of the week, Sunday is 0"),
    ("getDayOfYear", "`time.getDayOfYear()` day of the year, from 0"),
    ("getHours", "`time.getHours()` hour of the day; of a duration: in whole hours"),
    ("getMinutes", "`time.getMinutes()` minute of the hour; of a duration: in whole minutes"),
    ("getSeconds", "`time.getSeconds()` second of the minute; of a duration: in whole seconds"),
    (
        "getMilliseconds",
        "`time.getMilliseconds()` milliseconds beyond the second, of a duration, too",
    ),
];

/// What a value of a type can be asked, of [`VALUE_METHODS`].
pub fn value_methods(ty: Type) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    const TEXTS: usize = 1;
    const TIMES: usize = 16;
    const LENGTHS: usize = 22;
    let all = VALUE_METHODS.len();
    let own = match ty {
        Type::Text => TEXTS..TIMES,
        Type::Time => TIMES..all,
        Type::Span => LENGTHS..all,
        Type::Dynamic | Type::Unknown => TEXTS..all,
        _ => all..all,
    };
    VALUE_METHODS[..TEXTS].iter().chain(&VALUE_METHODS[own])
}

/// Functions with what they take and give.
pub const FUNCTIONS: [(&str, &str); 62] = [
    ("size", "`size(list)` how many items; `size(text)` how many characters"),
    ("has", "`has(x.field)` whether the source says"),
    ("margin_rate", "`margin_rate(lines)` share of the net amount that is left after cost"),
    ("mean_gap", "`mean_gap(orders)` mean time between events: (last − first) / (n − 1)"),
    (
        "gap_stddev",
        "`gap_stddev(orders.last('365d'))` how much the time between events varies; null of fewer than three",
    ),
    (
        "p_alive",
        "`p_alive(orders)` the chance that the customer has not left (BG/NBD); null of nothing",
    ),
    (
        "expected_purchases",
        "`expected_purchases(orders, '28d')` how often the customer will buy in the next 28 days (BG/NBD)",
    ),
    (
        "drift_deadline",
        "`drift_deadline(orders, 0.5)` the silence after which `p_alive` has fallen to 0.5; null before the second purchase",
    ),
    (
        "p_active",
        "`p_active(orders)` the chance that the customer has not left, by the regularity of its own gaps (BG/CNBD-k); null of nothing",
    ),
    (
        "silence_limit",
        "`silence_limit(orders, 0.5)` the silence after which `p_active` has fallen to 0.5; null before the second purchase",
    ),
    (
        "category_dropped",
        "`category_dropped(lines, 0.05)` the categories of four purchases or more that are still bought with a chance of 0.05 at most, by the lines of other things since",
    ),
    (
        "category_loss",
        "`category_loss(lines, 3.0)` the categories of four purchases or more that were not bought for 3 of their usual gaps",
    ),
    (
        "margin_shift",
        "`margin_shift(lines)` whether the margin of orders has fallen for good, since when and why (twin CUSUM)",
    ),
    (
        "discount_shift",
        "`discount_shift(lines)` whether the discount on orders has risen for good, since when and what it cost (twin CUSUM)",
    ),
    (
        "trend",
        "`trend(orders)` whether weekly spend has risen or fallen for good, since when, and its level (CUSUM, Holt)",
    ),
    (
        "sentiment",
        "`sentiment(interactions)` mean mood of what was said, from -1 to 1; it halves in 30 days",
    ),
    ("pace", "`pace(rep)` where a rep stands in the running quota period, and how it will end"),
    (
        "win_rate_below",
        "`win_rate_below(won, lost, rep.team_win_rate)` the chance that a rep with so many won and lost quotes wins less than 0.8 of the team's share (Beta-binomial)",
    ),
    (
        "agreement",
        "`agreement(customer)` what was promised in the agreement that runs now, what is bought of it, and what leaks",
    ),
    (
        "return_rate",
        "`return_rate(product)` whether more units come back than used to (Bernoulli CUSUM)",
    ),
    (
        "next_best",
        "`next_best(event.lines, 5)`, `next_best('Welding', 5)` offers that go with these in one order, the best first; never what was ever bought or declined",
    ),
    (
        "white_space",
        "`white_space(lines, 5)` offers that customers who own the same own, too; never what was ever bought or declined",
    ),
    (
        "affinity",
        "`affinity(event.lines, 'Safety')` how much likelier a category is in such an order than in any; null where it was never sold",
    ),
    (
        "declined",
        "`declined('Safety')` whether an alert that offered it was closed as lost or dismissed",
    ),
    (
        "peers",
        "`peers(customer.segment).quantile('profit', 0.5)`, `.rank('net', amount)`, `.size()` figures of 52 weeks over the customers of a segment, or over all",
    ),
    ("duration", "`duration('30d')`, `duration('1.5h')` a length of time"),
    ("timestamp", "`timestamp('2025-01-01T00:00:00Z')` an instant; of an int: seconds since 1970"),
    ("date", "`date(time)` midnight of its day, UTC; `date(time, 'Asia/Jakarta')` in a zone"),
    ("hour", "`hour(time)` hour of the day, UTC; `hour(time, '+07:00')` in a zone"),
    (
        "day_of_week",
        "`day_of_week(time)` 0 is Sunday, UTC; `day_of_week(time, 'Asia/Jakarta')` in a zone",
    ),
    ("millis", "`millis(time)` milliseconds since 1970, or of a duration"),
    ("days", "`days(duration)` as a number of days"),
    ("double", "`double(x)` a number, an amount or a text as a double"),
    ("int", "`int(x)` as an int: a number towards zero, a text, a time in seconds since 1970"),
    ("string", "`string(x)` as a text"),
    ("bool", "`bool(text)` whether it says true or false"),
    ("matches", "`matches(text, 'a+')` as `text.matches('a+')`"),
    ("abs", "`abs(x)` without its sign"),
    ("amount", "`amount(x)` a number as money of the customer's currency"),
    (
        "sells",
        "`sells(category)` whether a known product is of the category; yes where no product is known",
    ),
    (
        "list_price",
        "`list_price(l.product)` a product's price before discount; null where the catalogue has none",
    ),
    (
        "unit_cost",
        "`unit_cost(l.product)` what a unit of a product costs us, as the catalogue has it, or null",
    ),
    (
        "margin_floor",
        "`margin_floor(l.product)` the lowest margin at which a product may be sold: its attribute `margin_floor`, or null",
    ),
    (
        "grade",
        "`grade(l.product)` a product's grade within its family: its attribute `tier`, such as good, better, best, or null",
    ),
    (
        "own_brand",
        "`own_brand(l.product)` whether a product is of an own brand: its attribute `own_brand`, or null",
    ),
    (
        "next_break",
        "`next_break(l.product, l.quantity)` the next quantity from which a unit costs less: of the attribute `price_breaks`, such as \"24: 9.50, 60: 9\"; or null",
    ),
    (
        "price_at",
        "`price_at(l.product, 24)` what a unit costs at this quantity by `price_breaks`, the list price before the first; or null",
    ),
    (
        "substitute",
        "`substitute(l.product)` what takes a product's place (a relation, or the attribute `substitute`), is in stock, earns more on a unit and three points more of margin; or null",
    ),
    (
        "p_switch",
        "`p_switch(l.category, own, all, n)` the chance that a customer takes the own brand of a category of which it has n lines of other brands, if `own` of its `all` lines were of own brands; learned",
    ),
    (
        "in_territory",
        "`in_territory(o.rep, o.territory, o.time)` whether a territory was a rep's at that time, by the rep's `territory_history`, else by its territories; null where nobody says",
    ),
    ("greatest", "`greatest(a, b)` the largest of its arguments"),
    ("least", "`least(a, b)` the smallest of its arguments"),
    ("math.greatest", "`math.greatest(a, b)` as `greatest`; of a list: `math.greatest([1, 2])`"),
    ("math.least", "`math.least(a, b)` as `least`; of a list: `math.least([1, 2])`"),
    ("math.abs", "`math.abs(x)` as `abs`"),
    ("math.ceil", "`math.ceil(x)` up to the next whole number, of money, too"),
    ("math.floor", "`math.floor(x)` down to the next whole number"),
    ("math.round", "`math.round(x)` to the nearest whole number, halves away from zero"),
    ("math.trunc", "`math.trunc(x)` towards zero"),
    ("math.sign", "`math.sign(x)` -1, 0 or 1"),
    ("math.sqrt", "`math.sqrt(x)` square root"),
    (
        "math.isNaN",
        "`math.isNaN(x)`, `math.isInf(x)`, `math.isFinite(x)` what kind of double it is",
    ),
];

/// Functions that only a template knows: how a value is written.
pub const FORMATS: [(&str, &str); 4] = [
    ("percent", "`percent(0.123)` 12.3 %"),
    ("money", "`money(value)` $1,234.50"),
    ("round", "`round(x, 1)` so many decimals"),
    ("date", "`date(time)` 2025-03-01"),
];
