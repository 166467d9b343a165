//! Does an expression make sense, and what is it compiled to? Names, types and units are checked
//! while the tree is turned into a program; every mistake is reported with its place.
//!
//! ```text
//! lines.last('30d').filter(l, l.net > 0).sum(l, l.net)
//! └────────────── a list: source, window, stages ────┘└─► a value: a running sum of the plan,
//!                                                          or a scan where it cannot be one
//! ```

mod call;
mod detect;
mod list;
mod method;
mod offers;
mod operator;
mod sort;

use std::ops::Range;
use std::sync::Arc;

pub use self::detect::Finding;
pub use self::sort::Sort;
use crate::event::EntityKind;
use crate::event::Symbols;
use crate::money::Decimal;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::plan::PlanFull;
use crate::rule::plan::Planner;
use crate::rule::plan::Window;
use crate::rule::vocabulary::ALERT_FIELDS;
use crate::rule::vocabulary::ALERTS;
use crate::rule::vocabulary::CUSTOMER_FIELDS;
use crate::rule::vocabulary::FIELDS;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::PRODUCT_FIELDS;
use crate::rule::vocabulary::REP_FIELDS;
use crate::rule::vocabulary::Type;
use crate::state::offers::Ask;
use crate::state::program::Field;
use crate::state::program::Items;
use crate::state::program::KnownField;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::ProfileField;
use crate::state::program::Program;
use crate::state::program::Stage;
use crate::state::value::Value;
use crate::state::window::List;

/// What a checked expression is.
#[derive(Debug, Clone)]
pub enum Checked {
    /// One value.
    Value(Typed),
    /// A list that is not built.
    List(ListExpr),
    /// An item variable, or the first or last item of a list.
    Item(ItemRef),
    /// `customer`, `event` …
    Record(Record),
    /// What a detector has found.
    Finding(Box<Finding>),
    /// `{'a': 'b'}` of constants.
    Table(Arc<[(Value, Value)]>, Type),
}

/// A value with its type.
#[derive(Debug, Clone, Copy)]
pub struct Typed {
    /// Where its expression stands.
    pub node: NodeId,
    /// Its type.
    pub ty: Type,
    /// What it depends on: [`ENTITY`], and a bit for each item variable from the outermost.
    pub depends: u8,
}

/// It depends on the entity, the event or the clock, and so is not a property of an item.
pub const ENTITY: u8 = 0x80;

/// A list on its way.
#[derive(Debug, Clone)]
pub struct ListExpr {
    source: ListSource,
    stages: Vec<Stage>,
    /// What the stages depend on beside their own item.
    depends: u8,
    /// Whether a stage has put a value in the item's place.
    mapped: bool,
    item: ItemType,
}

#[derive(Debug, Clone)]
enum ListSource {
    History(List, Window),
    Alerts(Window),
    Offers(Ask),
    EventLines,
    Values(Arc<[Value]>),
    /// The parts of a text: text, separator, how many at most.
    Split(NodeId, NodeId, Option<NodeId>),
}

/// An item whose fields can be asked for.
#[derive(Debug, Clone)]
pub enum ItemRef {
    /// A variable, counted from the outermost.
    Variable(usize, ItemType),
    /// One item of a list.
    Chosen(Box<ListExpr>, Which),
}

/// Which item of a list.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// `.first()`
    First,
    /// `.last()`
    Last,
    /// `[n]`, from 0.
    At(Typed),
}

/// Things with fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The event that set the rule off.
    Event,
    /// Whose history it is.
    Entity,
    /// `customer.consent`
    Consent,
    /// `customer.attributes`
    Attributes,
}

/// A `let` name that was checked.
#[derive(Debug, Clone)]
pub struct Named {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub checked: Checked,
}

/// Checks the expressions of one rule.
pub struct Checker<'a> {
    /// File of the rule, for messages.
    pub file: usize,
    /// Whose history it is.
    pub entity: EntityKind,
    /// Whether there is an event: a silence and a schedule have none.
    pub has_event: bool,
    /// Names defined so far.
    pub lets: Vec<Named>,
    /// Type of the rule's `value`, once it is known.
    pub value: Option<Typed>,
    /// All programs.
    pub program: &'a mut Program,
    /// All windows of this kind of entity.
    pub planner: &'a mut Planner,
    /// Texts.
    pub symbols: &'a Symbols,
    /// What was found.
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// Where each sub-expression stands and what it is, when somebody wants to know.
    pub seen: Option<Vec<(Range<usize>, Sort)>>,
    variables: Vec<(String, ItemType)>,
}

impl<'a> Checker<'a> {
    /// One for a rule of `file`.
    pub fn new(
        (file, entity, has_event): (usize, EntityKind, bool),
        (program, planner): (&'a mut Program, &'a mut Planner),
        symbols: &'a Symbols,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let (lets, variables) = (Vec::new(), Vec::new());
        Self {
            file,
            entity,
            has_event,
            lets,
            value: None,
            program,
            planner,
            symbols,
            diagnostics,
            seen: None,
            variables,
        }
    }

    /// A value of one of these types.
    pub fn expect(&mut self, expr: &Expr, wanted: &[Type], what: &str) -> Typed {
        let typed = self.value(expr);
        let fits = wanted.contains(&typed.ty)
            || matches!(typed.ty, Type::Unknown | Type::Dynamic)
            || (typed.ty == Type::Int && wanted.contains(&Type::Double));
        if !fits {
            let names: Vec<&str> = wanted.iter().map(|ty| ty.noun()).collect();
            let message = format!("{what} has to be {}", names.join(" or "));
            let help = match (typed.ty, wanted) {
                (Type::Text, [Type::Span]) => Some("write a length of time as `duration('30d')`"),
                (_, [Type::Bool]) => Some("compare it with something: `… > 0`, `… == 'a'`"),
                _ => None,
            };
            self.error("E204", &expr.span, message, &format!("this is {}", typed.ty.noun()), help);
        }
        typed
    }

    /// A plain value; a list or a record in its place is a mistake.
    pub fn value(&mut self, expr: &Expr) -> Typed {
        let checked = self.check(expr);
        self.single(expr, checked)
    }

    /// What was checked, as a plain value.
    fn single(&mut self, expr: &Expr, checked: Checked) -> Typed {
        match checked {
            Checked::Value(typed) => typed,
            Checked::Item(ItemRef::Variable(level, ItemType::Value(ty))) => {
                let node = self.program.add(Node::Variable(self.outwards(level)));
                Typed { node, ty, depends: 1 << level }
            }
            Checked::Item(ItemRef::Chosen(list, which))
                if matches!(list.item, ItemType::Value(_)) =>
            {
                self.chosen_value(expr, &list, which)
            }
            Checked::List(_) => {
                let help = "ask it something: `.sum(x, …)`, `.size()`, `.exists(x, …)` …";
                self.error(
                    "E204",
                    &expr.span,
                    "a list is not a value",
                    "this is a list",
                    Some(help),
                );
                self.unknown()
            }
            Checked::Item(_) | Checked::Record(_) | Checked::Finding(_) | Checked::Table(..) => {
                let help = "ask for one of its fields: `.net`, `.time`, `.category` …";
                self.error("E204", &expr.span, "this is not a single value", "", Some(help));
                self.unknown()
            }
        }
    }

    /// What a `let` name stands for. The first or last of plain values is a value at once, so that
    /// it is computed once and shown among the reasons.
    pub fn named_part(&mut self, expr: &Expr) -> Checked {
        match self.check(expr) {
            Checked::Item(ItemRef::Chosen(list, which))
                if matches!(list.item, ItemType::Value(_)) =>
            {
                Checked::Value(self.chosen_value(expr, &list, which))
            }
            other => other,
        }
    }

    /// Whatever it is.
    pub fn check(&mut self, expr: &Expr) -> Checked {
        let checked = self.judge(expr);
        self.note(&expr.span, &checked);
        checked
    }

    fn judge(&mut self, expr: &Expr) -> Checked {
        match &expr.node {
            Tree::Null => self.constant(Value::Null, Type::Null),
            Tree::Bool(truth) => self.constant(Value::Bool(*truth), Type::Bool),
            Tree::Int(int) => self.constant(Value::Int(*int), Type::Int),
            Tree::Uint(uint) => match i64::try_from(*uint) {
                Ok(int) => self.constant(Value::Int(int), Type::Int),
                Err(_) => {
                    let help = "write at most 9223372036854775807";
                    self.error("E204", &expr.span, "the number is too large", "", Some(help));
                    Checked::Value(self.unknown())
                }
            },
            Tree::Double(double) => self.constant(Value::Double(*double), Type::Double),
            Tree::Text(text) => {
                let symbol = self.symbols.intern(text);
                self.constant(Value::Text(symbol), Type::Text)
            }
            Tree::Ident(name) => self.name(expr, name),
            Tree::Select(target, field) => self.select(expr, target, field),
            Tree::Index(target, key) => self.index(target, key),
            Tree::Call { name, target, args } => self.call(expr, name, target.as_deref(), args),
            Tree::Unary(op, a) => self.unary(expr, *op, a),
            Tree::Binary(op, a, b) => self.binary(expr, *op, a, b),
            Tree::Conditional(a, b, c) => self.conditional(expr, a, b, c),
            Tree::List(elements) => self.constant_list(elements),
            Tree::Map(pairs) => self.constant_table(pairs),
            Tree::Has(target, field) => {
                let selected = self.select(expr, target, field);
                let typed = self.settled(selected, &expr.span);
                self.typed(Node::Has(typed.node), Type::Bool, typed.depends)
            }
        }
    }

    /// What stands for a mistake that was reported.
    fn unknown(&mut self) -> Typed {
        let node = self.program.add(Node::Constant(Value::Null));
        Typed { node, ty: Type::Unknown, depends: 0 }
    }

    fn typed(&mut self, node: Node, ty: Type, depends: u8) -> Checked {
        let node = self.program.add(node);
        Checked::Value(Typed { node, ty, depends })
    }

    fn constant(&mut self, value: Value, ty: Type) -> Checked {
        self.typed(Node::Constant(value), ty, 0)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they just checked")]
    fn settled(&mut self, checked: Checked, span: &Range<usize>) -> Typed {
        match checked {
            Checked::Value(typed) => typed,
            _ => {
                let help = "ask for one of its fields, or `.size()` of a list";
                self.error("E204", span, "this is not a single value", "", Some(help));
                self.unknown()
            }
        }
    }

    /// The value of a constant expression.
    fn constant_of(&self, typed: Typed) -> Option<Value> {
        match self.program.node(typed.node) {
            Node::Constant(value) => Some(*value),
            _ => None,
        }
    }

    fn outwards(&self, level: usize) -> u8 {
        u8::try_from(self.variables.len() - 1 - level).unwrap_or(u8::MAX)
    }

    fn name(&mut self, expr: &Expr, name: &str) -> Checked {
        if let Some(level) = self.variables.iter().rposition(|(known, _)| known == name) {
            return Checked::Item(ItemRef::Variable(level, self.variables[level].1));
        }
        if let Some(place) = self.lets.iter().position(|named| named.name == name) {
            return self.named(place);
        }
        if let Some((list, _)) = List::ALL.iter().find(|(_, known)| *known == name) {
            return Checked::List(ListExpr {
                source: ListSource::History(*list, Window::Ever),
                stages: Vec::new(),
                depends: 0,
                mapped: false,
                item: if *list == List::Lines { ItemType::Line } else { ItemType::Event },
            });
        }
        match name {
            ALERTS => Checked::List(ListExpr {
                source: ListSource::Alerts(Window::Ever),
                stages: Vec::new(),
                depends: 0,
                mapped: false,
                item: ItemType::Alert,
            }),
            "now" => self.typed(Node::Now, Type::Time, ENTITY),
            "event" if self.has_event => Checked::Record(Record::Event),
            "event" => {
                let help = "a rule that looks at a silence or a schedule sees lists and `now`";
                self.error("E211", &expr.span, "there is no `event` here", "", Some(help));
                Checked::Value(self.unknown())
            }
            "value" if self.value.is_some() => {
                Checked::Value(self.value.unwrap_or_else(|| self.unknown()))
            }
            _ if name == self.entity.name() => Checked::Record(Record::Entity),
            _ => {
                self.unknown_name(expr, name);
                Checked::Value(self.unknown())
            }
        }
    }

    /// A constant or a list stands for itself wherever its name is used; anything else is
    /// computed once per event.
    fn named(&mut self, place: usize) -> Checked {
        let checked = self.lets[place].checked.clone();
        match checked {
            Checked::Value(typed)
                if typed.ty != Type::Unknown && self.constant_of(typed).is_none() =>
            {
                let place = u16::try_from(place).unwrap_or(u16::MAX);
                self.typed(Node::Let(place), typed.ty, ENTITY)
            }
            other => other,
        }
    }

    fn unknown_name(&mut self, expr: &Expr, name: &str) {
        let mut names: Vec<&str> = List::ALL.iter().map(|(_, known)| *known).collect();
        names.extend([ALERTS, "now", self.entity.name()]);
        if self.has_event {
            names.push("event");
        }
        names.extend(self.lets.iter().map(|named| named.name.as_str()));
        names.extend(self.variables.iter().map(|(known, _)| known.as_str()));
        let known = names.join(", ");
        let near = suggest(name, names).map(str::to_owned);
        let message = format!("there is no `{name}` here");
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let help = if name == "customer" || name == "rep" || name == "product" {
            Some(format!("this rule looks at a {}: set `entity: {name}`", self.entity.name()))
        } else if name == "value" {
            Some("`value` is known in `annotations` and `evidence`, behind `value:`".to_owned())
        } else if label.is_empty() {
            Some(format!("known here are {known}"))
        } else {
            None
        };
        self.error("E201", &expr.span, message, &label, help.as_deref());
    }

    fn select(&mut self, expr: &Expr, target: &Expr, field: &str) -> Checked {
        match self.check(target) {
            Checked::Record(record) => self.record_field(expr, record, field),
            Checked::Item(item) => self.item_field(expr, &item, field),
            Checked::Finding(finding) => self.finding_field(expr, &finding, field),
            Checked::Value(typed) if typed.ty == Type::Unknown => Checked::Value(typed),
            Checked::Value(typed) => {
                let message = format!("{} has no field `{field}`", typed.ty.noun());
                let help = "only items of lists, `event` and `customer` have fields";
                self.error("E203", &expr.mark, message, "", Some(help));
                Checked::Value(self.unknown())
            }
            Checked::List(_) | Checked::Table(..) => {
                let message = format!("a list has no field `{field}`");
                let help = format!("name its items: `.sum(x, x.{field})`, `.last().{field}` …");
                self.error("E203", &expr.mark, message, "", Some(&help));
                Checked::Value(self.unknown())
            }
        }
    }

    fn record_field(&mut self, expr: &Expr, record: Record, field: &str) -> Checked {
        match record {
            Record::Event if field == "lines" => Checked::List(ListExpr {
                source: ListSource::EventLines,
                stages: Vec::new(),
                depends: 0,
                mapped: false,
                item: ItemType::Line,
            }),
            Record::Event => match FIELDS.iter().find(|(name, ..)| *name == field) {
                Some((_, field, ty, ..)) => self.typed(Node::Event(*field), *ty, ENTITY),
                None => {
                    let mut names: Vec<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
                    names.push("lines");
                    self.no_field(expr, "the event", field, &names)
                }
            },
            Record::Entity if self.entity == EntityKind::Product && field == "attributes" => {
                Checked::Record(Record::Attributes)
            }
            Record::Entity if self.entity != EntityKind::Customer && field != "id" => {
                self.known_field(expr, field)
            }
            Record::Entity if field == "value_tier" => self.value_tier(),
            Record::Entity if field == "consent" => Checked::Record(Record::Consent),
            Record::Entity if field == "attributes" => Checked::Record(Record::Attributes),
            Record::Entity => match CUSTOMER_FIELDS.iter().find(|(name, ..)| *name == field) {
                Some((_, field, ty, _)) => self.typed(Node::Profile(*field), *ty, ENTITY),
                None => {
                    let mut names: Vec<&str> =
                        CUSTOMER_FIELDS.iter().map(|(name, ..)| *name).collect();
                    names.extend(["value_tier", "consent", "attributes"]);
                    self.no_field(expr, "a customer", field, &names)
                }
            },
            Record::Consent if field == "marketing" => {
                let node = Node::Profile(ProfileField::ConsentMarketing);
                self.typed(node, Type::Bool, ENTITY)
            }
            Record::Consent => self.no_field(expr, "`consent`", field, &["marketing"]),
            Record::Attributes => self.attribute(field),
        }
    }

    fn attribute(&mut self, name: &str) -> Checked {
        let name = Arc::from(name);
        let node = match self.entity {
            EntityKind::Product => Node::Known(KnownField::ProductAttribute(name)),
            _ => Node::Attribute(name),
        };
        self.typed(node, Type::Dynamic, ENTITY)
    }

    /// A field of `rep` or `product`.
    fn known_field(&mut self, expr: &Expr, field: &str) -> Checked {
        let product = self.entity == EntityKind::Product;
        let fields: &[_] = if product { &PRODUCT_FIELDS } else { &REP_FIELDS };
        if let Some((_, field, ty, _)) = fields.iter().find(|(name, ..)| *name == field) {
            if *field == KnownField::TeamWinRate {
                self.program.read_models();
            }
            return self.typed(Node::Known(field.clone()), *ty, ENTITY);
        }
        let mut names = vec!["id"];
        names.extend(fields.iter().map(|(name, ..)| *name));
        names.extend(product.then_some("attributes"));
        self.no_field(expr, &format!("a {}", self.entity.name()), field, &names)
    }

    fn item_field(&mut self, expr: &Expr, item: &ItemRef, field: &str) -> Checked {
        let item_type = match item {
            ItemRef::Variable(_, ty) => *ty,
            ItemRef::Chosen(list, _) => list.item,
        };
        match item_type {
            ItemType::Alert => return self.alert_field(expr, item, field),
            ItemType::Offer => return self.offer_field(expr, item, field),
            _ => {}
        }
        let on_line = item_type == ItemType::Line;
        let found =
            FIELDS.iter().find(|(name, _, _, line, _)| *name == field && (*line || !on_line));
        let (false, Some((_, field, ty, ..))) = (matches!(item_type, ItemType::Value(_)), found)
        else {
            let (what, names): (&str, Vec<&str>) = match item_type {
                ItemType::Value(_) => ("a plain value", Vec::new()),
                ItemType::Line => {
                    let lines = FIELDS.iter().filter(|(_, _, _, line, _)| *line);
                    ("a line", lines.map(|(name, ..)| *name).collect())
                }
                _ => ("an event", FIELDS.iter().map(|(name, ..)| *name).collect()),
            };
            return self.no_field(expr, what, field, &names);
        };
        match item {
            ItemRef::Variable(level, _) => {
                let outwards = self.outwards(*level);
                self.typed(Node::Field(outwards, *field), *ty, 1 << level)
            }
            ItemRef::Chosen(list, which) => self.chosen_field(expr, list, *which, (*field, *ty)),
        }
    }

    /// A field of one of `alerts`.
    fn alert_field(&mut self, expr: &Expr, item: &ItemRef, field: &str) -> Checked {
        let found = ALERT_FIELDS.iter().find(|(name, ..)| *name == field);
        let Some((_, field, ty, _)) = found else {
            let names = ALERT_FIELDS.map(|(name, ..)| name);
            return self.no_field(expr, "an alert", field, &names);
        };
        match item {
            ItemRef::Variable(level, _) => {
                let outwards = self.outwards(*level);
                self.typed(Node::OfAlert(outwards, *field), *ty, 1 << level)
            }
            ItemRef::Chosen(list, which) => {
                let node = self.program.add(Node::OfAlert(0, *field));
                self.one_of(expr, list, *which, (node, *ty))
            }
        }
    }

    fn no_field(&mut self, expr: &Expr, what: &str, field: &str, names: &[&str]) -> Checked {
        let near = suggest(field, names.iter().copied()).map(str::to_owned);
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let help = (!names.is_empty()).then(|| format!("it has {}", names.join(", ")));
        let message = format!("{what} has no field `{field}`");
        self.error("E203", &expr.mark, message, &label, help.as_deref());
        Checked::Value(self.unknown())
    }

    fn index(&mut self, target: &Expr, key: &Expr) -> Checked {
        match self.check(target) {
            Checked::Table(pairs, ty) => {
                let key = self.value(key);
                self.typed(Node::Lookup(key.node, pairs), ty, key.depends)
            }
            Checked::Record(Record::Attributes) => match &key.node {
                Tree::Text(name) => self.attribute(name),
                _ => {
                    let help = "write it as a text: `customer.attributes['size']`";
                    self.error("E209", &key.span, "the name has to be written out", "", Some(help));
                    Checked::Value(self.unknown())
                }
            },
            Checked::List(list) => {
                let place = self.expect(key, &[Type::Int, Type::Double], "a place in a list");
                Checked::Item(ItemRef::Chosen(Box::new(list), Which::At(place)))
            }
            Checked::Value(typed) if typed.ty == Type::Unknown => Checked::Value(typed),
            _ => {
                let help = "a place in a list: `orders.last(5)[0]`; a key of a table: \
                            `{'a': 'b'}[key]`; a character: `text.charAt(0)`";
                let message = "`[…]` works on lists and tables only";
                self.error("E204", &target.span, message, "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }

    fn constant_list(&mut self, elements: &[Expr]) -> Checked {
        let mut values = Vec::with_capacity(elements.len());
        let mut ty = Type::Unknown;
        for element in elements {
            let (value, found) = self.written_out(element);
            if ty != Type::Unknown && found != Type::Unknown && !ty.compares_with(found) {
                let message =
                    format!("a list that begins with {} cannot hold {}", ty.noun(), found.noun());
                let help = "all values of a list are of one type";
                self.error("E204", &element.span, message, "", Some(help));
            }
            ty = if ty == Type::Unknown { found } else { ty };
            values.push(value);
        }
        Checked::List(ListExpr {
            source: ListSource::Values(values.into()),
            stages: Vec::new(),
            depends: 0,
            mapped: false,
            item: ItemType::Value(ty),
        })
    }

    fn constant_table(&mut self, pairs: &[(Expr, Expr)]) -> Checked {
        let mut table = Vec::with_capacity(pairs.len());
        let mut ty = Type::Unknown;
        for (key, value) in pairs {
            let (key, _) = self.written_out(key);
            let (value, found) = self.written_out(value);
            ty = if ty == Type::Unknown { found } else { ty };
            table.push((key, value));
        }
        Checked::Table(table.into(), ty)
    }

    fn written_out(&mut self, expr: &Expr) -> (Value, Type) {
        let typed = self.value(expr);
        match self.constant_of(typed) {
            Some(value) => (value, typed.ty),
            None => {
                let help = "write the value itself: `['a', 'b']`, `{'a': 'b'}`";
                self.error("E209", &expr.span, "this has to be written out", "", Some(help));
                (Value::Null, Type::Unknown)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a diagnostic, in the order shown")]
    fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        label: &str,
        help: Option<&str>,
    ) {
        let mut found = Diagnostic::error(code, self.file, span.clone(), message).with_label(label);
        if let Some(help) = help {
            found = found.with_help(help);
        }
        self.diagnostics.push(found);
    }

    fn kept(&mut self, expr: &Expr, kept: Result<NodeId, PlanFull>) -> NodeId {
        kept.unwrap_or_else(|full| {
            self.error("E301", &expr.span, full.to_string(), "", None);
            self.unknown().node
        })
    }

    /// Binds an item variable, checks with it, and takes it away again.
    fn with_variable<T>(
        &mut self,
        name: &Expr,
        item: ItemType,
        check: impl FnOnce(&mut Self, usize) -> T,
    ) -> Option<T> {
        let Tree::Ident(text) = &name.node else {
            let help = "write a name and then what to do with it: `.sum(x, x.net)`";
            self.error("E207", &name.span, "this has to be a plain name", "", Some(help));
            return None;
        };
        if self.variables.len() >= Items::DEPTH_MAX {
            let help = "name the inner part under `let`";
            self.error("E210", &name.span, "lists are nested too deeply", "", Some(help));
            return None;
        }
        if let Some(seen) = &mut self.seen {
            seen.push((name.span.clone(), Sort::of_item(item)));
        }
        self.variables.push((text.clone(), item));
        let result = check(self, self.variables.len() - 1);
        self.variables.pop();
        Some(result)
    }

    /// Checks what is computed beside an item that has no name, such as what is looked for in a
    /// list of values.
    fn beside_item<T>(&mut self, item: ItemType, check: impl FnOnce(&mut Self) -> T) -> T {
        self.variables.push((String::new(), item));
        let result = check(self);
        self.variables.pop();
        result
    }
}

/// Zero of a type, as the sum of nothing.
fn zero(ty: Type) -> Value {
    match ty {
        Type::Money => Value::Money(Decimal::ZERO),
        Type::Double | Type::Dynamic => Value::Double(0.0),
        Type::Span => Value::Span(crate::time::Span::ZERO),
        _ => Value::Int(0),
    }
}

/// The plain field that an expression reads from the innermost item, if it is just that.
fn plain_field(program: &Program, node: NodeId) -> Option<Field> {
    match program.node(node) {
        Node::Field(0, field) => Some(*field),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
