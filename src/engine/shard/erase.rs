//! A customer goes for good, with all that is known of it alone.
//!
//! ```text
//! history, alerts, profile, agreements ─► gone
//! events that reps and products remember, what was learned across customers ─► stay, as numbers of
//! somebody; of the names that were the customer's is found out which nothing else has
//! ```

use crate::engine::Erasure;
use crate::engine::live::Live;
use crate::engine::shard::Shard;
use crate::event::EntityId;
use crate::event::Symbol;
use crate::event::reference::Attribute;
use crate::event::reference::Customer;
use crate::state::history::Entry;

impl Shard {
    /// Forgets the customer, if it is one of this shard's, and looks through all others for its
    /// names. Takes as long as there are entities.
    pub(super) fn erase(&mut self, erasure: &Erasure) {
        let id = erasure.customer;
        if self.residence.is_some() && !self.bring_back(id) {
            return;
        }
        self.save_before(id);
        let gone = self.entities.map.remove(&id);
        if let Some(residence) = &mut self.residence {
            residence.left(id);
        }
        let mut names = erasure.names.lock().clone();
        names.extend(self.catalog.agreements(id.id).iter().map(|agreement| agreement.id));
        // A rule that asked for them has made names of them.
        let profile = gone.as_ref().and_then(|(_, live)| live.entity.profile());
        names.extend(profile.into_iter().flat_map(texts).filter_map(|text| {
            let symbols = self.symbols.read();
            symbols.find(text)
        }));
        drop(gone);
        self.catalog.forget(id.id);
        let mut left: Vec<Symbol> = names.iter().copied().collect();
        left.retain(|name| !self.catalog.names(*name));
        self.entities.each(|other, live, _| {
            left.retain(|name| !is_named((other, live), *name));
        });
        let elsewhere = names.iter().copied().filter(|name| !left.contains(name));
        erasure.elsewhere.lock().extend(elsewhere);
        erasure.names.lock().extend(names);
    }
}

/// What the source says of a customer in so many words.
fn texts(customer: &Customer) -> impl Iterator<Item = &str> {
    let attributes = customer.attributes.values().filter_map(|value| match value {
        Attribute::Text(text) => Some(text.as_str()),
        Attribute::Flag(_) | Attribute::Number(_) => None,
    });
    customer.name.as_deref().into_iter().chain(attributes)
}

/// Whether an entity has this name, or knows it otherwise than as that of a customer.
fn is_named((id, live): (EntityId, &Live), name: Symbol) -> bool {
    let entity = &live.entity;
    let profile = entity.profile();
    let of_profile = |customer: &Customer| {
        let Customer { kind, segment, tier, territory, owner, .. } = customer;
        [*kind, *segment, *tier, *territory, *owner].contains(&Some(name))
    };
    id.id == name
        || [entity.rep, entity.territory()].contains(&Some(name))
        || profile.is_some_and(of_profile)
        || entity.past().all().any(|alert| alert.offer == Some(name))
        || entity.saved(|parts| parts.owned.iter().any(|(_, owned)| *owned == Some(name)))
        || entity.history.from(0).any(|entry| says(&entry, name))
}

/// Whether an event has this name otherwise than as that of its customer.
fn says(entry: &Entry<'_>, name: Symbol) -> bool {
    let mut found = false;
    let opened = entry.open_with(|line| {
        found |= [line.product, line.category, line.brand, line.promotion].contains(&Some(name));
    });
    let (head, talk) = (&opened.head, &opened.head.talk);
    found
        || [opened.product, opened.category, head.channel, head.rep, head.territory]
            .into_iter()
            .chain([talk.word, talk.topic, talk.outcome, talk.direction])
            .chain([talk.campaign, talk.severity])
            .any(|other| other == Some(name))
}
