//! The stage as a picture: devices, their load balancer, gateways, Kafka, from left to right as a connection goes.

use maud::{Markup, html};
use serde_json::Value;

use super::{WIDTH, at};
use crate::words::counted;

const BOX: f64 = 176.0;
const HEIGHT: f64 = 60.0;
const GAP: f64 = 14.0;
/// More gateways than this are drawn as one box with a number.
const MOST: u64 = 4;

/// What a box says.
struct Part {
    head: String,
    lines: Vec<String>,
}

/// The picture of a cell's stage, from the words that the scenario itself uses.
pub(crate) fn draw(stage: &Value, adc: &str, kafka: &str) -> Markup {
    let gateways = gateways(stage);
    let direct = text(stage, "/fleet/via") == "direct";
    let rows = gateways.len() as f64;
    let height = rows * (HEIGHT + GAP) + GAP;
    let middle = height / 2.0;
    let columns: Vec<f64> = (0..4).map(|c| c as f64 * (WIDTH - BOX) / 3.0).collect();
    html! {
        svg.chart.topology viewBox=(format!("0 0 {WIDTH} {}", at(height))) role="img" aria-label=(said(stage, adc, kafka, direct)) {
            title { "Stage" }
            @for row in 0..gateways.len() {
                @let y = GAP + row as f64 * (HEIGHT + GAP) + HEIGHT / 2.0;
                @if direct {
                    (wire(columns[0] + BOX, middle, columns[2], y))
                } @else {
                    (wire(columns[1] + BOX, middle, columns[2], y))
                }
                (wire(columns[2] + BOX, y, columns[3], middle))
            }
            @if !direct {
                (wire(columns[0] + BOX, middle, columns[1], middle))
                (place(&balancer(stage, adc), columns[1], middle))
            }
            (place(&fleet(stage), columns[0], middle))
            @for (row, part) in gateways.iter().enumerate() {
                (place(part, columns[2], GAP + row as f64 * (HEIGHT + GAP) + HEIGHT / 2.0))
            }
            (place(&log(stage, kafka), columns[3], middle))
        }
    }
}

fn place(part: &Part, x: f64, middle: f64) -> Markup {
    html! {
        rect.part x=(at(x + 0.5)) y=(at(middle - HEIGHT / 2.0)) width=(at(BOX - 1.0)) height=(at(HEIGHT)) rx="6" {}
        text.part-head x=(at(x + 10.0)) y=(at(middle - HEIGHT / 2.0 + 18.0)) { (part.head) }
        @for (row, line) in part.lines.iter().enumerate() {
            text.tick x=(at(x + 10.0)) y=(at(middle - HEIGHT / 2.0 + 34.0 + 15.0 * row as f64)) { (line) }
        }
    }
}

fn wire(x1: f64, y1: f64, x2: f64, y2: f64) -> Markup {
    html! { line.wire x1=(at(x1)) y1=(at(y1)) x2=(at(x2)) y2=(at(y2)) {} }
}

fn fleet(stage: &Value) -> Part {
    Part {
        head: counted(number(stage, "/fleet/devices"), "device", "devices"),
        lines: vec![
            format!("ports: {}", text(stage, "/fleet/ports")),
            format!(
                "{} · {}",
                text(stage, "/fleet/addresses"),
                text(stage, "/fleet/subjects")
            ),
        ],
    }
}

fn balancer(stage: &Value, adc: &str) -> Part {
    Part {
        head: format!("ADC: {adc}"),
        lines: vec![
            format!("SNAT: {}", text(stage, "/adc/snat-ports")),
            format!("PROXY: {}", text(stage, "/adc/proxy-protocol")),
        ],
    }
}

fn gateways(stage: &Value) -> Vec<Part> {
    let count = number(stage, "/gateways").max(1);
    let lines = vec![
        counted(number(stage, "/workgroups"), "workgroup", "workgroups"),
        format!(
            "X.ConnectionOffload: {}",
            if flag(stage, "/connection-offload") {
                "on"
            } else {
                "off"
            }
        ),
    ];
    if count > MOST {
        return vec![Part {
            head: format!("{count} gateways"),
            lines,
        }];
    }
    (0..count)
        .map(|i| Part {
            head: format!("gateway {i}"),
            lines: lines.clone(),
        })
        .collect()
}

fn log(stage: &Value, kafka: &str) -> Part {
    Part {
        head: format!("Kafka: {kafka}"),
        lines: vec![
            counted(number(stage, "/kafka/brokers"), "broker", "brokers"),
            counted(
                number(stage, "/kafka/partitions"),
                "partition per topic",
                "partitions per topic",
            ),
        ],
    }
}

fn said(stage: &Value, adc: &str, kafka: &str, direct: bool) -> String {
    let way = if direct {
        "connect straight to".to_owned()
    } else {
        format!("go through the ADC ({adc}) to")
    };
    format!(
        "Stage: {} {way} {} of {}, to read Kafka ({kafka})",
        counted(number(stage, "/fleet/devices"), "device", "devices"),
        counted(number(stage, "/gateways").max(1), "gateway", "gateways"),
        counted(number(stage, "/workgroups"), "workgroup", "workgroups"),
    )
}

/// The word at this place of the stage; a dash where it has none.
fn text(stage: &Value, pointer: &str) -> String {
    match stage.pointer(pointer) {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Null) | None => "–".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn number(stage: &Value, pointer: &str) -> u64 {
    stage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn flag(stage: &Value, pointer: &str) -> bool {
    stage
        .pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or(false)
}
