//! The schemas of the API's description: what bodies and answers hold.

use serde_json::Value;
use serde_json::json;

use crate::api::openapi::ACTIONS;
use crate::api::openapi::FAMILIES;
use crate::api::openapi::STATUSES;

pub(super) fn reference(schema: &str) -> Value {
    match schema {
        "Any" => json!({}),
        "Text" => json!({"type": "string"}),
        name => json!({"$ref": format!("#/components/schemas/{name}")}),
    }
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// Properties, many of one schema.
fn fields(of: &[(&[&str], &Value)]) -> Value {
    let named = of.iter().flat_map(|(names, schema)| {
        names.iter().map(|name| ((*name).to_owned(), (*schema).clone()))
    });
    Value::Object(named.collect())
}

#[expect(clippy::too_many_lines, reason = "a table: one schema after the other")]
pub(super) fn schemas() -> Value {
    let (text, whole) = (json!({"type": "string"}), json!({"type": "integer"}));
    let (time, number) =
        (json!({"type": "string", "format": "date-time"}), json!({"type": "number"}));
    let list = |of: &str| json!({"type": "array", "items": reference(of)});
    let sums = list("Value");
    let member = fields(&[
        (&["owner"], &text),
        (&["firing", "acknowledged", "snoozed", "overdue", "opened", "answered"], &whole),
        (&["won", "lost", "dismissed", "missed"], &whole),
        (&["at_stake", "waiting_stake", "taken_stake", "aside_stake"], &sums),
        (&["won_amount", "lost_amount"], &sums),
        (&["coverage"], &number),
        (&["response_median_s", "response_p90_s"], &whole),
    ]);
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let kind = json!({"enum": ["customer", "rep", "product"]});
    let rule = json!({
        "name": text, "family": {"enum": FAMILIES}, "entity": kind, "mode": text,
        "state": {"enum": ["running", "failing", "quarantined"]}, "reason": text,
        "evaluations": whole, "failures": whole, "alerts_opened": whole, "items": whole,
    });
    json!({
        "Problem": object(&["type", "title", "status", "detail"], &json!({
            "type": text, "title": text, "status": whole, "detail": text, "errors": list("Refused"),
        })),
        "Refused": object(&["position", "code", "reason"], &json!({
            "position": whole, "code": text, "reason": text,
        })),
        "Report": object(&["accepted", "duplicates", "refused_total", "refused"], &json!({
            "accepted": whole, "duplicates": whole, "refused_total": whole, "refused": list("Refused"),
        })),
        "Value": object(&["amount"], &json!({"amount": number, "currency": text})),
        "Evidence": object(&["event_id", "time", "kind", "text"], &json!({
            "event_id": text, "time": time, "kind": text, "text": text,
            "net": reference("Value"), "margin": number,
        })),
        "Alert": object(
            &["id", "seq", "rule", "family", "severity", "entity", "owner", "state", "opened_at",
              "summary", "reasons", "evidence", "evidence_total"],
            &json!({
                "id": text, "seq": whole, "rule": text, "family": {"enum": FAMILIES},
                "severity": {"enum": ["info", "warning", "critical"]},
                "entity": object(&["kind", "id"], &json!({"kind": kind, "id": text, "name": text})),
                "owner": text,
                "state": object(&["name"], &json!({
                    "name": text, "by": text, "at": time, "since": time, "until": time,
                    "reason": text, "note": text,
                })),
                "opened_at": time, "expires_at": time, "event_id": text, "value": reference("Value"),
                "summary": text, "description": text, "labels": texts,
                "reasons": {"type": "array", "items": object(&["name", "expression", "value"], &json!({
                    "name": text, "expression": text, "value": text,
                }))},
                "evidence": list("Evidence"), "evidence_total": whole, "shadow": {"type": "boolean"},
                "amount": reference("Value"), "history": list("Deed"),
            }),
        ),
        "Alerts": object(&["alerts"], &json!({"alerts": list("Alert"), "next": text})),
        "Action": object(&["action"], &json!({
            "action": {"enum": ACTIONS},
            "by": {"type": "string", "description": "In whose name a token acts."},
            "until": time,
            "for": {"type": "string", "description": "How long a snooze lasts: `1h`, `3d`."},
            "reason": {"enum": ["won", "lost", "dismissed"]},
            "note": {"type": "string", "description": "Why it was dismissed, or what is said."},
            "amount": {"type": "number", "minimum": 0, "description": "What was won or lost."},
            "owner": {"type": "string", "description": "To whom it goes: `rep:r1`, `queue` …"},
        })),
        "Entity": object(&["kind", "id", "orders", "windows", "recent"], &json!({
            "kind": kind, "id": text, "name": text, "segment": text, "tier": text, "territory": text,
            "owner": text, "first_seen": time, "last_seen": time, "orders": whole, "currency": text,
            "net_30d": reference("Value"), "net_365d": reference("Value"), "windows": texts,
            "recent": list("Evidence"),
            "offers": {"type": "array", "items": object(&["category", "because", "peers", "buyers"], &json!({
                "category": text, "because": text, "peers": whole, "buyers": whole,
                "net_year": reference("Value"),
            }))},
            "resting": {
                "description": "Rules that are quiet for now by their cooldown.",
                "type": "array", "items": object(&["rule", "closed_at", "until"], &json!({
                    "rule": text, "closed_at": time, "until": time,
                    "holds": {"type": "boolean", "description": "Whether an alert is kept back."},
                })),
            },
        })),
        "Rule": object(&["name", "family", "entity", "mode", "state"], &rule),
        "Rules": object(&["rules", "last_reload"], &json!({
            "rules": list("Rule"),
            "last_reload": object(&["at", "successful"], &json!({
                "at": time, "successful": {"type": "boolean"}, "problem": text,
            })),
        })),
        "Outcomes": object(&["alerts", "open", "won", "lost", "dismissed", "passed"], &json!({
            "alerts": whole, "open": whole, "won": whole, "lost": whole, "dismissed": whole,
            "passed": {"type": "integer", "description": "Over by themselves, or with their moment."},
            "precision": {"type": "number", "description": "The share of won among those judged."},
        })),
        "RuleRecord": {
            "allOf": [reference("Rule"), object(
                &["from", "to", "live", "shadow", "busiest", "owners", "days"],
                &json!({
                    "from": time, "to": time, "live": reference("Outcomes"),
                    "shadow": reference("Outcomes"), "busiest": whole,
                    "owners": {"type": "array", "items": object(&["owner", "alerts", "busiest"], &json!({
                        "owner": text, "alerts": whole, "busiest": whole,
                    }))},
                    "days": {"type": "array", "items": object(&["day", "alerts"], &json!({
                        "day": {"type": "string", "format": "date"}, "alerts": whole,
                    }))},
                    "promotion": object(&["is_good", "checks"], &json!({
                        "is_good": {"type": "boolean"},
                        "checks": {"type": "array", "items": object(&["met", "check"], &json!({
                            "met": {"type": "boolean"}, "check": text,
                        }))},
                    })),
                }),
            )],
        },
        "Tally": object(&["alerts", "at_stake"], &json!({
            "alerts": whole, "at_stake": list("Value"),
        })),
        "Tallies": object(&["open", "snoozed", "families", "owners"], &json!({
            "open": reference("Tally"), "snoozed": reference("Tally"), "closed": reference("Tally"),
            "families": {"type": "object", "additionalProperties": reference("Tally")},
            "owners": {"type": "object", "additionalProperties": reference("Tally")},
        })),
        "Models": object(&["versions"], &json!({
            "versions": {"type": "array", "items": {"type": "object"}},
            "current": {"type": "object"},
        })),
        "Deed": object(&["action", "by", "at"], &json!({
            "action": {"enum": ACTIONS}, "by": text, "at": time, "until": time, "reason": text,
            "note": text, "amount": number, "owner": text,
        })),
        "Team": object(&["from", "to", "members"], &json!({
            "from": time, "to": time,
            "members": {"type": "array", "items": object(&["owner"], &member)},
        })),
        "Promotion": object(&["action"], &json!({"action": {"enum": ["promote"]}})),
        "Promoted": object(&["rule", "mode", "file"], &json!({
            "rule": text, "mode": {"enum": ["live"]},
            "file": {"type": "string", "description": "Name of the file that says so now."},
        })),
        "Redrive": object(&["action"], &json!({"action": {"enum": ["retry", "drop"]}})),
        "Delivery": object(
            &["row", "id", "channel", "about", "status", "reason", "route", "attempts", "created_at",
              "due_at", "changed_at"],
            &json!({
                "row": whole, "id": text, "alert": text, "rule": text, "channel": text,
                "address": text, "person": text,
                "about": {"enum": ["opened", "changed", "updated", "escalated", "digest"]},
                "status": {"enum": STATUSES}, "reason": text, "route": text,
                "digest": {"type": "string", "description": "Id of the digest that tells it."},
                "attempts": whole, "created_at": time, "due_at": time, "changed_at": time,
            }),
        ),
        "Deliveries": object(&["deliveries"], &json!({
            "deliveries": list("Delivery"), "next": whole,
        })),
        "Deeds": object(&["deeds"], &json!({
            "deeds": {"type": "array", "items": object(&["seq", "at", "who", "did", "object"], &json!({
                "seq": whole, "at": time, "who": text, "did": text, "object": text, "detail": text,
            }))},
            "next": whole,
        })),
    })
}
