//! What becomes of a record, sound or not: its fields, or the reason for its refusal?

use super::*;
use crate::event::Event;
use crate::event::Reference;
use crate::event::Symbols;
use crate::event::reference::Attribute;
use crate::event::reference::RelationKind;
use crate::money::Decimal;
use crate::time::Timestamp;

struct Desk {
    symbols: Symbols,
    decoder: Decoder,
}

fn desk(mapping: &str) -> Desk {
    let symbols = Symbols::default();
    let mapping = Arc::new(Mapping::parse(mapping).unwrap());
    let decoder = Decoder::new(mapping, symbols.intern("test"));
    Desk { symbols, decoder }
}

impl Desk {
    fn decode(&mut self, line: impl AsRef<[u8]>) -> Result<Record, Refusal> {
        self.decoder.decode(line.as_ref(), &mut self.symbols.write())
    }

    #[track_caller]
    fn event(&mut self, line: &str) -> Event {
        match self.decode(line) {
            Ok(Record::Event(event)) => *event,
            other => unreachable!("{line}: {other:?}"),
        }
    }

    #[track_caller]
    fn reference(&mut self, line: &str) -> Reference {
        match self.decode(line) {
            Ok(Record::Reference(reference)) => *reference,
            other => unreachable!("{line}: {other:?}"),
        }
    }

    fn text(&self, symbol: Option<Symbol>) -> Option<String> {
        symbol.map(|symbol| self.symbols.text(symbol))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what it is compared with is an option")]
fn d(text: &str) -> Option<Decimal> {
    Some(Decimal::parse(text).unwrap())
}

/// An order of one line, with these fields in the order and in the line.
fn order(top: &str, line: &str) -> String {
    format!(
        r#"{{"event_id":"e1","type":"order","occurred_at":"2025-03-01T09:30:00Z"{top},
            "lines":[{{"product_id":"p1","quantity":2{line}}}]}}"#
    )
}

fn call(fields: &str) -> String {
    format!(r#"{{"event_id":"e1","kind":"call","occurred_at":"2025-03-01T09:30:00Z"{fields}}}"#)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of bad records")]
fn a_bad_record_is_refused_with_its_reason() {
    let at = r#""event_id":"e1","occurred_at""#;
    for (line, code, words) in [
        // Not JSON.
        (String::new(), "bad_json", "ends too early"),
        (order("", "")[..80].to_owned(), "bad_json", "ends too early"),
        ("[1]".to_owned(), "bad_json", "an object in braces"),
        ("\"text\"".to_owned(), "bad_json", "an object in braces"),
        (format!("{} {{}}", call("")), "bad_json", "something follows"),
        (call(",}"), "bad_json", "a comma too many"),
        (call(r#","rep_id":'r1'"#), "bad_json", "a value is missing"),
        (call(r#","rep_id":NaN"#), "bad_json", "a value is missing"),
        (call(&format!(r#","x":{}1{}"#, "[".repeat(40), "]".repeat(40))), "too_deep", "32 levels"),
        (call(&format!(r#","x":"{}""#, "y".repeat(1 << 20))), "too_long", "1048576 bytes"),
        (call(&format!(r#","rep_id":"{}""#, "y".repeat(257))), "too_long", "256 bytes"),
        (call(&r#","x":1"#.repeat(600)), "too_long", "512 fields"),
        // Duplicate names.
        (call(r#","event_id":"e2""#), "duplicate_field", "`event_id` stands twice"),
        (order("", r#","quantity":3"#), "duplicate_field", "lines[0].quantity"),
        (order(r#","lines":[]"#, ""), "duplicate_field", "`lines`"),
        // Missing fields.
        ("{}".to_owned(), "missing_field", "`kind`"),
        (r#"{"event_id":"e1","kind":"call"}"#.to_owned(), "missing_field", "`occurred_at`"),
        (r#"{"kind":"call","occurred_at":"2025-01-01"}"#.to_owned(), "missing_field", "`event_id`"),
        (format!(r#"{{{at}:null,"kind":"call"}}"#), "missing_field", "`occurred_at`"),
        (format!(r#"{{{at}:"2025-01-01"}}"#), "missing_field", "`kind`"),
        (format!(r#"{{{at}:"2025-01-01","type":"order"}}"#), "missing_field", "`lines`"),
        (format!(r#"{{{at}:"2025-01-01","lines":[]}}"#), "missing_field", "`lines`"),
        (format!(r#"{{{at}:"2025-01-01","product_id":"p"}}"#), "missing_field", "`quantity`"),
        (order("", "").replace("product_id", "prodct"), "missing_field", "lines[0].product_id"),
        (order("", "").replace("quantity", "qty"), "missing_field", "lines[0].quantity"),
        (r#"{"record":"customer"}"#.to_owned(), "missing_field", "`customer_id`"),
        // Wrong types.
        (call(r#","customer_id":true"#), "wrong_type", "`customer_id` is `true`"),
        (call(r#","customer_id":1.5"#), "wrong_type", "the number 1.5"),
        (call(r#","customer_id":{"id":1}"#), "wrong_type", "an object"),
        (call(r#","sentiment":[]"#), "wrong_type", "a list"),
        (order("", r#","unit_price":true"#), "wrong_type", "lines[0].unit_price"),
        (order("", r#","non_product":"maybe""#), "wrong_type", "`true` or `false`"),
        (order("", "").replace("[{", "[1,{"), "wrong_type", "lines[0]"),
        (format!(r#"{{{at}:"2025-01-01","lines":"none"}}"#), "wrong_type", "a list of lines"),
        (format!(r#"{{{at}:true,"kind":"call"}}"#), "wrong_type", "2025-03-01T09:30:00Z"),
        (r#"{"rep_id":"r1","quotas":7}"#.to_owned(), "wrong_type", "quotas"),
        (
            r#"{"rep_id":"r1","territory_history":"N"}"#.to_owned(),
            "wrong_type",
            "territory_history",
        ),
        (
            r#"{"rep_id":"r1","territory_history":[{"from":"2025-01-01"}]}"#.to_owned(),
            "missing_field",
            "territory_history[0].territory",
        ),
        (
            r#"{"rep_id":"r1","territory_history":[{"territory":"N"}]}"#.to_owned(),
            "missing_field",
            "territory_history[0].from",
        ),
        (
            r#"{"rep_id":"r1","territory_history":[{"territory":"N","from":"2025-01-02","to":"2025-01-01"}]}"#
                .to_owned(),
            "bad_time",
            "territory_history[0].to",
        ),
        // Absurd numbers.
        (order("", r#","unit_price":1e300"#), "bad_number", "largest amount"),
        (order("", r#","unit_price":"12,50""#), "bad_number", "write e.g. `129.99`"),
        (order("", r#","net_amount":99999999999999"#), "bad_number", "lines[0].net_amount"),
        (order("", r#","line_no":-1"#), "bad_number", "counts lines"),
        (
            order("", r#","unit_price":900000000000"#).replace(":2,", ":99999,"),
            "bad_number",
            "once multiplied",
        ),
        (call(r#","sentiment":1.01"#), "bad_number", "from -1 (bad) to 1 (good)"),
        // Times.
        (format!(r#"{{{at}:"yesterday","kind":"call"}}"#), "bad_time", "RFC 3339"),
        (format!(r#"{{{at}:1735689600,"kind":"call"}}"#), "bad_time", "time_unit"),
        (format!(r#"{{{at}:"2025-02-30","kind":"call"}}"#), "bad_time", "2025-02-30"),
        (format!(r#"{{{at}:"1969-12-31","kind":"call"}}"#), "bad_time", "before 1990-01-01"),
        (format!(r#"{{{at}:"2100-01-01","kind":"call"}}"#), "bad_time", "not before 2100-01-01"),
        (format!(r#"{{{at}:"9999-12-31","kind":"call"}}"#), "bad_time", "9999-12-31"),
        // Currencies.
        (order(r#","currency":"euro""#, ""), "bad_currency", "ISO 4217"),
        (order(r#","currency":"EUR""#, r#","currency":"USD""#), "mixed_currencies", "is in EUR"),
        // Ids and words.
        (call(r#","customer_id":"""#), "empty_id", "`customer_id` is empty"),
        (order("", "").replace("\"order\"", "\"ordr\""), "unknown_word", "`credit_memo`"),
        (r#"{"record":"custmer"}"#.to_owned(), "unknown_word", "`customer`"),
        (
            r#"{"record":"product_relation","from":"a","to":"b","relation":"x"}"#.to_owned(),
            "unknown_word",
            "`substitute`",
        ),
        // CloudEvents.
        (r#"{"specversion":"0.3","id":"1"}"#.to_owned(), "bad_envelope", "specversion"),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"order","data":"x"}"#.to_owned(),
            "bad_envelope",
            "no object",
        ),
    ] {
        let shown: String = line.chars().take(200).collect();
        let refusal = desk("").decode(&line).expect_err(&shown);
        assert_eq!(refusal.code(), code, "{shown}: {refusal}");
        let message = refusal.to_string();
        assert!(message.contains(words), "{shown}: {message}");
        assert!(message.len() < 250, "{message}");
    }
}

#[test]
fn bytes_outside_of_utf_8_are_refused() {
    let mut line = call(r#","rep_id":"r?""#).into_bytes();
    let at = line.iter().position(|b| *b == b'?').unwrap();
    line[at] = 0xff;
    assert_eq!(desk("").decode(&line), Err(Refusal::BadUtf8 { at }));
}

#[test]
fn an_order_has_at_most_ten_thousand_lines() {
    let line = r#"{"product_id":"p","quantity":1}"#;
    let many = |count| {
        let lines = vec![line; count].join(",");
        format!(r#"{{"event_id":"e","occurred_at":"2025-01-01","lines":[{lines}]}}"#)
    };
    assert_eq!(desk("").event(&many(10_000)).lines.len(), 10_000);
    assert_eq!(desk("").decode(many(10_001)).unwrap_err().code(), "too_long");
}

#[test]
fn a_line_has_a_net_amount_and_a_cost_with_the_sign_of_its_kind() {
    for (kind, fields, want) in [
        ("order", r#""quantity":2,"unit_price":10"#, ("2", d("20"), None, None)),
        ("order", r#""quantity":2,"unit_price":10,"discount":3"#, ("2", d("17"), None, d("3"))),
        ("order", r#""quantity":"2","net_amount":"17.5""#, ("2", d("17.5"), None, None)),
        ("order", r#""quantity":2,"unit_cost":4.5"#, ("2", None, d("9"), None)),
        ("return", r#""quantity":2,"net_amount":17"#, ("-2", d("-17"), None, None)),
        ("return", r#""quantity":-2,"net_amount":-17"#, ("-2", d("-17"), None, None)),
        (
            "return",
            r#""quantity":2,"unit_price":10,"unit_cost":4,"discount":3"#,
            ("-2", d("-17"), d("-8"), d("-3")),
        ),
        ("credit_memo", r#""net_amount":5"#, ("0", d("-5"), None, None)),
        ("adjustment", r#""quantity":-240,"unit_price":0"#, ("-240", d("0"), None, None)),
    ] {
        let line = order("", "").replace("\"order\"", &format!("\"{kind}\""));
        let line = line.replace("\"quantity\":2", fields);
        let found = desk("").event(&line).lines[0];
        let (quantity, net, cost, discount) = want;
        assert_eq!(Some(found.quantity), d(quantity), "{kind} {fields}");
        let got = (found.net, found.cost, found.discount);
        assert_eq!(got, (net, cost, discount), "{kind} {fields}");
    }
}

#[test]
fn a_kind_is_told_by_type_kind_status_and_shape() {
    for (fields, want) in [
        (r#""kind":"call""#, "call"),
        (r#""kind":"call","status":"started""#, "call.started"),
        (r#""kind":"call","status":"ended""#, "call.ended"),
        (r#""kind":"call.started""#, "call.started"),
        (r#""type":"call.started""#, "call.started"),
        (r#""type":"interaction","kind":"visit""#, "visit"),
        (r#""record":"interaction","kind":"visit""#, "visit"),
        (r#""kind":"quote","status":"sent""#, "quote"),
        (r#""kind":"quote","status":"accepted""#, "quote.accepted"),
        (r#""kind":"quote","status":"lost""#, "quote.lost"),
        (r#""kind":"quote","status":"expired""#, "quote.expired"),
        (r#""kind":"webinar""#, "webinar"),
        (r#""type":"wishlist.added""#, "wishlist.added"),
        (r#""product_id":1,"quantity":1"#, "order"),
        (r#""type":"return","product_id":1,"quantity":1"#, "return"),
        (r#""type":"credit_memo","amount":12"#, "credit_memo"),
        (r#""stream":"transaction","net_amount":12"#, "order"),
    ] {
        let mut desk = desk("");
        let line = format!(r#"{{"event_id":"e","occurred_at":"2025-01-01",{fields}}}"#);
        let event = desk.event(&line);
        assert_eq!(event.kind_name(&desk.symbols.read()), want, "{fields}");
    }
}

#[test]
fn an_interaction_keeps_its_details() {
    let mut desk = desk("");
    let event = desk.event(&call(
        r#","customer_id":"c1","rep_id":"r1","subject":"car_insurance","direction":"inbound",
        "duration_s":261,"outcome":"declined","sentiment":-0.33,"amount":"12.5","count":3,
        "severity":"high","campaign_id":24,"product_id":"p","category":"x","channel":null"#,
    ));
    let detail = event.detail.clone().unwrap();
    assert_eq!(desk.text(detail.topic).as_deref(), Some("car_insurance"));
    assert_eq!(desk.text(detail.campaign).as_deref(), Some("24"));
    assert_eq!(desk.text(event.rep).as_deref(), Some("r1"));
    assert_eq!((detail.sentiment, detail.duration_s), (d("-0.33"), d("261")));
    assert_eq!((event.channel, event.lines.len()), (None, 0));
    assert_eq!(desk.event(&call("")).detail, None);
}

#[test]
fn reference_records_are_told_by_word_or_shape() {
    let mut desk = desk("");
    let customer = desk.reference(
        r#"{"customer_id":"c1","name":"A \u00c4","kind":"reseller","owner_rep_id":"r2",
        "consent":{"marketing":true},"employees":2,"new":false,"held":["a","b"],"tier":"A"}"#,
    );
    let Reference::Customer(customer) = customer else { unreachable!("{customer:?}") };
    assert_eq!(customer.name.as_deref(), Some("A Ä"));
    assert_eq!(customer.consent_marketing, Some(true));
    let attributes: Vec<_> = customer.attributes.into_iter().collect();
    let held = Attribute::Text("a, b".to_owned());
    assert_eq!(
        attributes,
        [
            ("employees".to_owned(), Attribute::Number(2.0)),
            ("held".to_owned(), held),
            ("new".to_owned(), Attribute::Flag(false)),
        ]
    );
    let product = desk.reference(
        r#"{"product_id":"p1","category":"x","tier":"good","versions":[
        {"from":"2012-01-01","unit_cost":1,"list_price":2},{"from":"2013-01-01","list_price":3}]}"#,
    );
    let Reference::Product(product) = product else { unreachable!("{product:?}") };
    assert_eq!((product.list_price, product.unit_cost), (d("3"), None));
    assert!(product.attributes.contains_key("tier"));
    let rep = desk.reference(
        r#"{"rep_id":"r1","territories":["N","S"],"quotas":[
        {"from":"2025-01-01","to":"2025-04-01","amount":126600.0,"currency":"USD"}],
        "territory_history":[{"territory":"N","from":"2024-01-01","to":"2025-01-01"},
        {"territory":"S","from":"2025-01-01"}]}"#,
    );
    let Reference::Rep(rep) = rep else { unreachable!("{rep:?}") };
    assert_eq!((rep.territories.len(), rep.quotas.len(), rep.tenures.len()), (2, 1, 2));
    let moved = Timestamp::parse("2025-01-01").unwrap();
    let ends: Vec<_> = rep.tenures.iter().map(|tenure| (tenure.territory, tenure.to)).collect();
    assert_eq!(ends, [(rep.territories[0], Some(moved)), (rep.territories[1], None)]);
    let relation = desk
        .reference(r#"{"type":"product_relation","from":"a","to":"b","relation":"substitute"}"#);
    let Reference::Relation(relation) = relation else { unreachable!("{relation:?}") };
    assert_eq!(relation.kind, RelationKind::Substitute);
    let agreement = desk.reference(
        r#"{"agreement_id":1,"customer_id":2,"from":"2025-01-01","to":"2100-06-01",
        "planned_amount":1000,"discount_rate":0.05}"#,
    );
    let Reference::Agreement(agreement) = agreement else { unreachable!("{agreement:?}") };
    assert_eq!(agreement.planned_amount, d("1000"));
}

#[test]
fn a_mapping_reads_other_peoples_fields() {
    let mut desk = desk(
        "record = \"order\"\ntime_unit = \"ms\"\ncurrency = \"EUR\"\n[fields]\n\
         occurred_at = \"ts\"\nquantity = \"qty\"\n[constants]\nchannel = \"web\"\n",
    );
    let event = desk.event(
        r#"{"event_id":123,"ts":1735689600123,"customer_id":4521,"product_id":3312,
        "category":12,"qty":3,"unit_price":129.99,"unit_cost":88.10,"rep_id":77}"#,
    );
    assert_eq!((event.id.as_str(), event.time.millis()), ("123", 1_735_689_600_123));
    assert_eq!(desk.text(event.channel).as_deref(), Some("web"));
    assert_eq!(desk.text(event.customer), desk.text(Some(desk.symbols.intern("4521"))));
    assert_eq!((event.lines[0].net, event.lines[0].cost), (d("389.97"), d("264.3")));
    assert_eq!(event.currency.map(|c| c.to_string()).as_deref(), Some("EUR"));
    let message = desk.decode(r#"{"event_id":1,"qty":3}"#).unwrap_err().to_string();
    assert!(message.contains("`ts`"), "{message}");
}

#[test]
fn times_come_in_the_form_of_the_mapping() {
    for (mapping, written, want) in [
        ("", "\"2025-01-01T00:00:00+01:00\"", 1_735_686_000_000),
        ("time_unit = \"s\"", "1735689600", 1_735_689_600_000),
        ("time_unit = \"s\"", "1735689600.25", 1_735_689_600_250),
        ("time_unit = \"s\"", "\"1735689600\"", 1_735_689_600_000),
        ("time_unit = \"ms\"", "\"2025-01-01T00:00:00Z\"", 1_735_689_600_000),
        ("time_format = \"%d/%m/%Y %H:%M\"", "\"01/01/2025 00:00\"", 1_735_689_600_000),
        ("time_format = \"%d.%m.%Y\"\ntime_zone = \"+01:00\"", "\"01.01.2025\"", 1_735_686_000_000),
        ("earliest = \"1900-01-01\"", "\"1950-01-01\"", -631_152_000_000),
    ] {
        let line = format!(r#"{{"event_id":"e","kind":"call","occurred_at":{written}}}"#);
        assert_eq!(desk(mapping).event(&line).time.millis(), want, "{mapping} {written}");
    }
}

#[test]
fn a_cloud_event_is_opened() {
    let mut desk = desk("");
    let event = desk.event(
        r#"{"specversion":"1.0","id":"7","source":"/shop","type":"com.shop.call.started",
        "subject":"c1","time":"2025-03-01T09:30:00Z","data":{"topic":"car_insurance"}}"#,
    );
    assert_eq!((event.id.as_str(), event.kind), ("7", Kind::CallStarted));
    assert_eq!(desk.text(event.customer).as_deref(), Some("c1"));
    assert_eq!(desk.text(Some(event.source)).as_deref(), Some("/shop"));
    let event = desk.event(
        r#"{"specversion":"1.0","id":"8","source":"/shop","type":"created","subject":"x",
        "data":{"event_id":"own","type":"return","occurred_at":"2025-01-01","customer_id":"c2",
        "lines":[{"product_id":"p","quantity":1}]}}"#,
    );
    assert_eq!((event.id.as_str(), event.kind), ("8", Kind::Return));
    assert_eq!(desk.text(event.customer).as_deref(), Some("c2"));
}

const FLAT_MAPPING: &str = "time_unit = \"ms\"\n[fields]\noccurred_at = \"ts\"\nquantity = \"qty\"";
const FLAT_VALUES: [&str; 7] = ["1", "1735689604084", "2", "3", "4", "21.06", "\"1.5\""];

/// An order of one line in seven members, as JSON; names in quotes or not.
fn flat(values: [&str; 7], quoted: bool) -> String {
    let names = ["event_id", "ts", "customer_id", "product_id", "qty", "unit_price", "channel"];
    let members = names.iter().zip(values).map(|(name, value)| {
        let quote = if quoted && name.ends_with("_id") { "\"" } else { "" };
        format!("\"{name}\":{quote}{value}{quote}")
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[test]
fn a_number_with_a_point_is_no_name_though_a_text_of_it_was_one() {
    let mut desk = desk(FLAT_MAPPING);
    for _ in 0..2 {
        let event = desk.event(&flat(FLAT_VALUES, false));
        assert_eq!(desk.text(event.channel).as_deref(), Some("1.5"));
    }
    let [id, time, customer, _, rest @ ..] = FLAT_VALUES;
    let [quantity, price, channel] = rest;
    let line = flat([id, time, customer, "1.5", quantity, price, channel], false);
    assert!(matches!(desk.decode(&line), Err(Refusal::WrongType { .. })));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = desk("").decode(&bytes);
    }

    #[test]
    fn no_broken_record_makes_it_panic(at in 0_usize..400, byte in proptest::prelude::any::<u8>()) {
        let line = order(r#","customer_id":"c\u00e4","currency":"USD""#, r#","unit_price":1e2"#);
        let mut bytes = line.into_bytes();
        let place = at % bytes.len();
        let _ = desk("").decode(&bytes[..place]);
        bytes[place] = byte;
        let _ = desk("").decode(&bytes);
    }

    #[test]
    fn a_line_of_the_usual_shape_is_read_like_any_other(
        names in ["[1-9][0-9]{0,8}", "[1-9][0-9]{0,8}", "[1-9][0-9]{0,3}"],
        time in "17[0-9]{11}|[0-9]{1,20}",
        amounts in ["[1-9][0-9]{0,2}", "-?[0-9]{1,14}(\\.[0-9]{1,8})?"],
        channel in "\"[a-zé ]{0,20}\"",
        odd in r#"null|true|-|"|0[0-9]|[0-9]{1,3}e[0-9]|[0-9]\.|\{\}|"\\u00e4[a-z]"|"1\.5""#,
        place in 0..14_usize,
        broken in proptest::option::weighted(0.3, (0..400_usize, proptest::num::u8::ANY)),
        quoted: bool,
    ) {
        let Desk { symbols, decoder: mut used } = desk(FLAT_MAPPING);
        let mut new = used.clone();
        let usual = flat(FLAT_VALUES, quoted);
        proptest::prop_assert!(used.decode(usual.as_bytes(), &mut symbols.write()).is_ok());
        proptest::prop_assert!(used.sales.is_some(), "the shape was learned");
        let ([id, customer, product], [quantity, price]) = (&names, &amounts);
        let mut values = [id, &time, customer, product, quantity, price, &channel].map(String::as_str);
        if let Some(value) = values.get_mut(place) {
            *value = &odd;
        }
        let mut line = flat(values, quoted).into_bytes();
        if let Some((at, byte)) = broken {
            let at = at % line.len();
            line[at] = byte;
        }
        let found = used.decode(&line, &mut symbols.write());
        let want = new.decode(&line, &mut symbols.write());
        proptest::prop_assert_eq!(found, want, "{}", String::from_utf8_lossy(&line));
    }
}
