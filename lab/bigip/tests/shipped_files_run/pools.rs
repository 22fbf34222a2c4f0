//! What pools and their monitors become.

use lab_adc::model::{Model, MonitorKind};
use lab_bigip::translate::translate;
use lab_f5::tmsh;

use crate::support::stage;

#[test]
fn ratios_are_shares_in_the_modes_that_take_notice_of_them() {
    for (mode, weights) in [
        ("round-robin", [1, 1]),
        ("least-connections-member", [1, 1]),
        ("ratio-member", [3, 1]),
        ("ratio-least-connections-member", [3, 1]),
    ] {
        let model = model(mode);

        let members = model.pools[0].members.iter();
        let found: Vec<u32> = members.map(|member| member.weight).collect();
        assert_eq!(found, weights, "{mode}");
    }
}

#[test]
fn a_status_that_disables_is_looked_for_in_the_answer() {
    let model = model("round-robin");

    let MonitorKind::Http {
        status,
        receive_disable,
        ..
    } = &model.pools[0].monitors[0].kind
    else {
        panic!("{:?}", model.pools[0].monitors)
    };
    assert_eq!(*status, 200);
    assert_eq!(receive_disable.as_deref(), Some(" 503 "));
}

/// A virtual server before a pool of two, the first with ratio 3.
fn model(mode: &str) -> Model {
    let text = format!(
        "ltm monitor http /Common/ready {{\n recv \"HTTP/1\\.[01] 200\"\n recv-disable \"HTTP/1\\.[01] 503\"\n send \"GET /ready HTTP/1.1\\r\\n\\r\\n\"\n}}\n\
         ltm pool /Common/p {{\n load-balancing-mode {mode}\n members {{\n /Common/127.0.0.1:1 {{\n ratio 3\n }}\n /Common/127.0.0.1:2 {{\n }}\n }}\n monitor /Common/ready\n}}\n\
         ltm virtual /Common/v {{\n destination /Common/192.0.2.1:443\n pool /Common/p\n profiles {{\n /Common/tcp {{ }}\n }}\n source-address-translation {{\n type automap\n }}\n}}\n"
    );
    translate(&tmsh::parse("a.conf", &text).unwrap(), &stage())
        .unwrap()
        .model
}
