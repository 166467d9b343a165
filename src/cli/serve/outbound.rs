//! What a server sends to people and programs outside, and when it begins and ends doing so.

use std::sync::Arc;

use anyhow::Context as _;

use crate::config::Config;
use crate::delivery::Feed;
use crate::delivery::courier::Courier;
use crate::delivery::courier::Parts;
use crate::delivery::courier::Permit;
use crate::delivery::desk::Desk;
use crate::delivery::inbox::Inbox;
use crate::delivery::outbox::Outbox;
use crate::engine::service::Service;
use crate::metrics::Metrics;
use crate::time;

/// The checked configuration of delivery; `None` when there are no channels.
pub(super) fn desk(config: &Config) -> anyhow::Result<Option<Arc<Desk>>> {
    let desk = Desk::new(&config.delivery()).context("the configuration")?;
    if desk.is_empty() {
        return Ok(None);
    }
    if desk.config.pages.is_empty() {
        tracing::warn!(
            "messages have no links: set delivery.pages to where people reach this server, e.g. \
             `https://siaga.example.com`"
        );
    }
    Ok(Some(Arc::new(desk)))
}

/// Starts to carry what is to be sent; nothing when there is nothing to send it by.
pub(super) fn start(
    desk: Option<Arc<Desk>>,
    service: Arc<Service>,
    (inbox, feed, metrics): (Arc<Inbox>, Feed, Arc<Metrics>),
    permit: Permit,
) -> anyhow::Result<Option<Courier>> {
    let Some(desk) = desk else { return Ok(None) };
    let outbox = Outbox::new(inbox);
    let clock = Arc::new(time::now);
    let origin = service;
    let parts = Parts { desk, outbox, feed, origin, metrics, clock, permit };
    Ok(Some(Courier::start(parts)?))
}
