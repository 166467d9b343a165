//! A topic of Fluvio: programs that read the log get each change of an alert, those of a rep in order.
//!
//! ```text
//! key    r07                                   the owner's id; whom a digest is for
//! value  {"specversion":"1.0","id":"<delivery>","type":"com.siaga.alert.opened",…}
//! ```
//!
//! The value is the webhook's CloudEvent. A record whose answer is lost is written again with the
//! same id: whoever reads the topic leaves out the ids that it has seen.

use crate::alert::Owner;
use crate::delivery::channel::Attempt;
use crate::delivery::channel::Channel;
use crate::delivery::channel::Message;
use crate::delivery::channel::RenderError;
use crate::delivery::channel::Rendered;
use crate::delivery::channel::Sending;
use crate::delivery::channel::webhook::as_cloud_event;
use crate::delivery::outbox::About;
use crate::delivery::person::Person;
use crate::source::fluvio::cluster::Cluster;
use crate::source::fluvio::producer::ProduceError;
use crate::source::fluvio::producer::Producer;

/// A topic.
pub(super) struct Topic {
    producer: Producer,
    name: String,
}

impl Topic {
    pub(super) fn new(cluster: Cluster, name: String) -> Self {
        Self { producer: Producer::new(cluster), name }
    }
}

/// What decides the partition. A rep's is the id alone, as topics of other programs have it.
fn key(message: &Message) -> Result<String, RenderError> {
    if message.about == About::Digest {
        return Ok(message.person.clone());
    }
    Ok(match &message.alert()?.owner {
        Owner::Rep(id) => id.clone(),
        other => other.key(),
    })
}

impl Channel for Topic {
    fn kind(&self) -> &'static str {
        "fluvio"
    }

    fn is_for_people(&self) -> bool {
        false
    }

    fn address(&self, _id: &str, _person: Option<&Person>) -> Result<String, String> {
        Ok(String::new())
    }

    fn render(&self, message: &Message) -> Result<Rendered, RenderError> {
        let head = format!("topic: {}\nkey: {}\n", self.name, key(message)?);
        Ok(Rendered { head, body: as_cloud_event(message)?, html: None })
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let made = key(message).and_then(|key| Ok((key, as_cloud_event(message)?)));
            let (key, value) = match made {
                Ok(made) => made,
                Err(error) => return Attempt::Refused(error.to_string()),
            };
            match self.producer.send(&self.name, &key, &[value]).await {
                Ok(offset) => Attempt::Accepted(offset.to_string()),
                Err(ProduceError::NotWritten(reason)) => {
                    Attempt::Failed { reason, after: None, kind: "connect" }
                }
                Err(ProduceError::Uncertain(reason)) => Attempt::Uncertain(reason),
                Err(ProduceError::Refused(reason)) => Attempt::Refused(reason),
            }
        })
    }
}
