//! The demo page, as people open it.

use serde_json::{Value, json};

use crate::programs::Platform;
use crate::support::{Gateway, Kafka};
use crate::told::{Told, url};

/// The page draws what it publishes, and goes on drawing when its gateway is killed.
pub(crate) fn draws_on_when_its_gateway_is_killed(platform: Platform) {
    let kafka = Kafka::with_topics(&[("t", 1)]);
    let gateways = [(); 2].map(|()| Gateway::ready(&kafka));
    let servers: Vec<String> = gateways.iter().map(url).collect();
    let parameters = json!({ "servers": servers, "subject": "/t/demo" });
    let mut page = Told::start(&mut platform.script("test/live/demo-in-chromium.js", &parameters));

    let before = page.wait_for("shown", |shown| shown["received"].as_u64() >= Some(15));
    assert_eq!(before["state"], "connected");
    let killed = gateways
        .iter()
        .find(|gateway| before["server"] == url(gateway))
        .unwrap();
    killed.signal("KILL");
    let goes_on = "/t/demo goes on: nothing was missed, or it follows";
    let after = page.wait_for("shown", |shown| {
        says(shown, goes_on)
            && shown["received"].as_u64() >= before["received"].as_u64().map(|n| n + 15)
    });

    assert_eq!(after["state"], "connected");
    assert_ne!(after["server"], before["server"]);
    assert!(says(&after, "/t/demo begins"));
    assert_eq!((&after["gaps"], &after["mistake"]), (&json!(0), &json!("")));
    let chart = after["chart"].as_str().unwrap();
    assert!(chart.contains("1 reconnects, 0 gaps."), "{chart}");
    assert!(
        page.of("exception").next().is_none(),
        "{:?}",
        page.of("exception").next()
    );
}

fn says(shown: &Value, line: &str) -> bool {
    shown["log"]
        .as_array()
        .is_some_and(|log| log.iter().any(|said| said == line))
}
