//! Rules as an operator writes them: loading, events, what they ask of the host.

use std::net::SocketAddr;
use std::sync::Arc;

use lab_irules::{
    Action, Connection, Event, Flow, HttpMessage, Member, Rehearsal, Rule, RuntimeError, Selection,
    Side, Snat, Table, Tmm,
};

#[test]
fn what_the_appliance_refuses_is_refused_in_its_words() {
    let complaint = |source: &str| Rule::load("/Common/x", source).unwrap_err().to_string();

    assert_eq!(
        complaint("when CLIENT_ACCEPTED {\n  set a 1\n\n  set d [dict create a 1]\n}"),
        "01070151:3: Rule [/Common/x] error: /Common/x:4: error: [undefined procedure: dict][dict create a 1]"
    );
    assert_eq!(
        complaint("when CLIENT_ACCEPTED {\n  if { 1 } {\n    namespace current\n  }\n}"),
        "01070151:3: Rule [/Common/x] error: /Common/x:3: error: [command is disabled: \"namespace\"][namespace current]"
    );
    assert_eq!(
        complaint("when CLIENT_ACCEPTED {\n  log local0. [HTTP::uri]\n}"),
        "01070151:3: Rule [/Common/x] error: /Common/x:2: error: [command is not valid in current event context (CLIENT_ACCEPTED)][HTTP::uri]"
    );
    assert_eq!(
        complaint("when CLIENT_CONNECTED {\n}"),
        "01070151:3: Rule [/Common/x] error: /Common/x:1: error: [unknown event (CLIENT_CONNECTED)][when CLIENT_CONNECTED {]"
    );
    assert_eq!(
        complaint("set a 1"),
        "01070151:3: Rule [/Common/x] error: /Common/x:1: error: [command is not valid in the current scope][set a 1]"
    );
    assert_eq!(
        complaint("when CLIENT_ACCEPTED {\n  set a {\n"),
        "01070151:3: Rule [/Common/x] error: /Common/x:1: error: [parse error: missing close-brace][]"
    );
    assert_eq!(
        complaint("when CLIENT_ACCEPTED {\n  call missing 1\n}"),
        "01070151:3: Rule [/Common/x] error: /Common/x:2: error: [undefined procedure: missing][call missing 1]"
    );
    assert_eq!(
        complaint("when CLIENT_ACCEPTED {\n switch $a {\n  x { lassign {1 2} a b }\n }\n}"),
        "01070151:3: Rule [/Common/x] error: /Common/x:3: error: [undefined procedure: lassign][lassign {1 2} a b]"
    );
}

#[test]
fn a_command_that_is_not_modelled_loads_and_then_ends_the_run_loudly() {
    let mut tmm = tmm("when CLIENT_ACCEPTED { catch { ISTATS::incr x c y 1 } }");

    let outcome = tmm.fire(
        Event::CLIENT_ACCEPTED,
        &mut Connection::default(),
        &mut device(),
    );

    assert_eq!(
        outcome,
        Err(RuntimeError::Unmodelled {
            rule: "/Common/x".into(),
            event: "CLIENT_ACCEPTED".into(),
            command: "ISTATS::incr".into()
        })
    );
}

#[test]
fn a_failing_rule_says_what_the_log_of_the_appliance_would() {
    let mut tmm = tmm("when CLIENT_ACCEPTED { log local0. $nobody }");

    let error = tmm
        .fire(
            Event::CLIENT_ACCEPTED,
            &mut Connection::default(),
            &mut device(),
        )
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "01220001:3: TCL error: /Common/x <CLIENT_ACCEPTED> - can't read \"nobody\": no such variable     while executing \"log local0. $nobody\""
    );
}

#[test]
fn an_endless_rule_is_stopped_even_inside_catch() {
    for body in [
        "while {1} {}",
        "catch { while {1} {} }",
        "set a x; while {1} { append a $a$a }",
    ] {
        let mut tmm = tmm(&format!("when CLIENT_ACCEPTED {{ {body} }}"));

        let outcome = tmm.fire(
            Event::CLIENT_ACCEPTED,
            &mut Connection::default(),
            &mut device(),
        );

        assert!(
            matches!(outcome, Err(RuntimeError::Limit { .. })),
            "{body}: {outcome:?}"
        );
    }
}

#[test]
fn recursion_ends_within_a_two_megabyte_stack() {
    let deep = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let mut tmm = tmm("proc p {n} { if {[expr {1 + [call p $n]}]} { return [call p $n] } }\nwhen CLIENT_ACCEPTED { call p 1 }");
        tmm.fire(Event::CLIENT_ACCEPTED, &mut Connection::default(), &mut device())
    });

    let outcome = deep.unwrap().join().unwrap();

    assert!(
        matches!(outcome, Err(RuntimeError::Tcl { message, .. }) if message.contains("too many nested calls"))
    );
}

#[test]
fn variables_live_as_long_as_the_connection_and_statics_as_long_as_the_tmm() {
    let mut tmm = tmm("when RULE_INIT { set static::count 0 }\n\
         when CLIENT_ACCEPTED { incr static::count; set mine $static::count }\n\
         when CLIENT_CLOSED { log local0. \"$mine of $static::count\" }");
    let (mut first, mut second, mut host) =
        (Connection::default(), Connection::default(), device());

    tmm.init(&mut host).unwrap();
    tmm.fire(Event::CLIENT_ACCEPTED, &mut first, &mut host)
        .unwrap();
    tmm.fire(Event::CLIENT_ACCEPTED, &mut second, &mut host)
        .unwrap();
    tmm.fire(Event::CLIENT_CLOSED, &mut first, &mut host)
        .unwrap();

    assert_eq!(
        host.lines,
        ["local0. Rule /Common/x <CLIENT_CLOSED>: 1 of 2"]
    );
}

#[test]
fn priorities_come_before_the_order_of_the_rules() {
    let rule = |name: &str, source: &str| Arc::new(Rule::load(name, source).unwrap());
    let late = rule(
        "/Common/late",
        "when CLIENT_ACCEPTED priority 900 { log -noname local0. late }",
    );
    let early = rule(
        "/Common/early",
        "priority 100\nwhen CLIENT_ACCEPTED { log -noname local0. early }\nwhen CLIENT_ACCEPTED priority 101 { log -noname local0. next }",
    );
    let mut tmm = Tmm::new(vec![late, early], &[], Table::default());
    let mut host = device();

    tmm.fire(
        Event::CLIENT_ACCEPTED,
        &mut Connection::default(),
        &mut host,
    )
    .unwrap();

    assert_eq!(
        host.lines,
        ["local0. early", "local0. next", "local0. late"]
    );
}

#[test]
fn return_ends_the_handler_and_event_disable_the_event() {
    let mut tmm = tmm(
        "when CLIENT_ACCEPTED priority 1 { log -noname local0. one; return; log -noname local0. never }\n\
         when CLIENT_ACCEPTED priority 2 { log -noname local0. two; event disable }\n\
         when CLIENT_ACCEPTED priority 3 { log -noname local0. never }",
    );
    let mut host = device();

    tmm.fire(
        Event::CLIENT_ACCEPTED,
        &mut Connection::default(),
        &mut host,
    )
    .unwrap();

    assert_eq!(host.lines, ["local0. one", "local0. two"]);
}

#[test]
fn addresses_carry_their_route_domain_and_sides_can_be_changed() {
    let mut tmm = tmm("when SERVER_CONNECTED {\n\
           log -noname local0. \"[IP::client_addr] [clientside {IP::local_addr}] [TCP::client_port] [IP::version]\"\n\
           log -noname local0. \"[IP::remote_addr] [TCP::remote_port] [clientside {TCP::local_port}] [clientside {IP::version}] [serverside]\"\n\
         }");
    let mut host = Rehearsal::accepted(
        address("[2001:db8::7]:50000"),
        address("[2001:db8::1]:443"),
        7,
    );
    host.server = Some(Flow {
        local: address("10.1.0.9:1024"),
        remote: address("10.1.0.1:8800"),
        route_domain: 0,
    });

    tmm.fire(
        Event::SERVER_CONNECTED,
        &mut Connection::default(),
        &mut host,
    )
    .unwrap();

    assert_eq!(
        host.lines,
        [
            "local0. 2001:db8::7%7 2001:db8::1%7 50000 4",
            "local0. 10.1.0.1 8800 443 6 1"
        ]
    );
}

#[test]
fn rules_choose_pools_and_answer_on_the_side_they_stand_on() {
    let mut tmm = tmm("when CLIENT_ACCEPTED {\n\
           if { [active_members gateways] < 2 } { snatpool few }\n\
           pool gateways member 10.1.0.1 8800\n\
           TCP::collect 5\n\
         }\n\
         when CLIENT_DATA { TCP::payload replace 0 1 HE; TCP::release; TCP::respond no; TCP::close }\n\
         when LB_SELECTED { log -noname local0. \"[LB::server] [LB::status pool gateways member 10.1.0.1 8800]\" }\n\
         when SERVER_CONNECTED { TCP::respond hello; clientside { TCP::respond hi } }");
    let (mut connection, mut host) = (Connection::default(), device());
    host.members = vec![Member {
        address: address("10.1.0.1:8800"),
        up: true,
        enabled: true,
    }];
    host.payload = b"hello".to_vec();
    host.selection = Some(Selection {
        pool: "/Common/gateways".into(),
        member: address("10.1.0.1:8800"),
    });

    for event in [
        Event::CLIENT_ACCEPTED,
        Event::CLIENT_DATA,
        Event::LB_SELECTED,
        Event::SERVER_CONNECTED,
    ] {
        tmm.fire(event, &mut connection, &mut host).unwrap();
    }

    let respond = |side, bytes: &str| Action::Respond {
        side,
        bytes: bytes.as_bytes().to_vec(),
    };
    assert_eq!(
        host.actions,
        [
            Action::UseSnat(Snat::Pool("few".into())),
            Action::UsePool {
                pool: "gateways".into(),
                member: Some(address("10.1.0.1:8800"))
            },
            Action::Collect {
                side: Side::Client,
                bytes: Some(5)
            },
            Action::Release {
                side: Side::Client,
                bytes: None
            },
            respond(Side::Client, "no"),
            Action::Close(Side::Client),
            respond(Side::Server, "hello"),
            respond(Side::Client, "hi"),
        ]
    );
    assert_eq!(host.payload, b"HEello");
    assert_eq!(host.lines, ["local0. /Common/gateways 10.1.0.1 8800 up"]);
}

#[test]
fn headers_are_removed_in_any_case_and_cannot_grow_a_second_line() {
    let mut tmm = tmm("when HTTP_REQUEST {\n\
           HTTP::header remove X-Forwarded-For\n\
           HTTP::header insert X-Forwarded-For [IP::client_addr]\n\
           log -noname local0. \"[HTTP::header names] [HTTP::header x-forwarded-for] [HTTP::path] [HTTP::query]\"\n\
           log -noname local0. [catch { HTTP::header insert A \"b\\r\\nC: d\" }]\n\
         }");
    let mut host = device();
    host.message = Some(HttpMessage {
        method: b"GET".to_vec(),
        uri: b"/a?b=c".to_vec(),
        version: b"1.1".to_vec(),
        status: 0,
        headers: vec![
            (b"Host".to_vec(), b"h".to_vec()),
            (b"x-forwarded-for".to_vec(), b"6.6.6.6".to_vec()),
            (b"X-FORWARDED-FOR".to_vec(), b"7.7.7.7".to_vec()),
        ],
    });

    tmm.fire(Event::HTTP_REQUEST, &mut Connection::default(), &mut host)
        .unwrap();

    assert_eq!(
        host.lines,
        ["local0. Host X-Forwarded-For 192.0.2.1 /a b=c", "local0. 1"]
    );
}

#[test]
fn f5s_operators_work_and_not_binds_too_tightly() {
    let mut tmm = tmm("when CLIENT_ACCEPTED {\n\
           if { \"abc\" starts_with \"ab\" and not (\"abc\" contains \"x\") or 0 } { log -noname local0. yes }\n\
           log -noname local0. [catch { if { not \"a\" starts_with \"b\" } {} } why]$why\n\
         }");
    let mut host = device();

    tmm.fire(
        Event::CLIENT_ACCEPTED,
        &mut Connection::default(),
        &mut host,
    )
    .unwrap();

    assert_eq!(
        host.lines,
        [
            "local0. yes",
            "local0. 1can't use non-numeric string as operand of \"!\""
        ]
    );
}

#[test]
fn the_table_is_shared_between_tmms_and_forgets() {
    let source = "when CLIENT_ACCEPTED { table incr -subtable s [IP::client_addr]; log -noname local0. [table lookup -subtable s [IP::client_addr]] }";
    let table = Table::default();
    let rule = || vec![Arc::new(Rule::load("/Common/x", source).unwrap())];
    let (mut first, mut second) = (
        Tmm::new(rule(), &[], table.clone()),
        Tmm::new(rule(), &[], table),
    );
    let mut host = device();

    first
        .fire(
            Event::CLIENT_ACCEPTED,
            &mut Connection::default(),
            &mut host,
        )
        .unwrap();
    second
        .fire(
            Event::CLIENT_ACCEPTED,
            &mut Connection::default(),
            &mut host,
        )
        .unwrap();
    host.clock = std::time::Duration::from_secs(181);
    second
        .fire(
            Event::CLIENT_ACCEPTED,
            &mut Connection::default(),
            &mut host,
        )
        .unwrap();

    assert_eq!(host.lines, ["local0. 1", "local0. 2", "local0. 1"]);
}

#[test]
fn helpers_of_f5_take_fields_and_substrings() {
    let cases = [
        ("getfield 10.0.0.1%7 % 1", "10.0.0.1"),
        ("getfield a::b::c :: 3", "c"),
        ("getfield a:b : 5", ""),
        ("findstr {a=1;b=2;c=3} b= 2 \\;", "2"),
        ("findstr abc x", ""),
        ("substr abcdef 2 2", "cd"),
        ("b64encode hello", "aGVsbG8="),
        ("b64decode aGVsbG8=", "hello"),
        ("crc32 123456789", "3421780262"),
        ("URI::decode a%20b%zz", "a b%zz"),
        ("IP::addr 10.1.2.3 equals 10.0.0.0/8", "1"),
        ("IP::addr 2001:db8::1 equals 10.0.0.0/8", "0"),
        ("IP::addr 10.1.2.3 mask 255.255.0.0", "10.1.0.0"),
    ];
    for (script, wanted) in cases {
        let mut tmm = Tmm::new(Vec::new(), &[], Table::default());

        let value = tmm
            .eval(script.as_bytes(), &mut Rehearsal::default())
            .unwrap();

        assert_eq!(value.text(), wanted, "{script}");
    }
}

#[test]
fn a_rule_names_the_pools_that_must_exist() {
    let rule = Rule::load(
        "/Common/x",
        "when CLIENT_ACCEPTED {\n  pool gateways\n  snatpool $which\n}",
    )
    .unwrap();

    let named: Vec<_> = rule
        .references()
        .iter()
        .map(|found| (found.kind, found.name.as_str(), found.line))
        .collect();

    assert_eq!(named, [("pool", "gateways", 2)]);
}

fn tmm(source: &str) -> Tmm {
    match Rule::load("/Common/x", source) {
        Ok(rule) => Tmm::new(vec![Arc::new(rule)], &[], Table::default()),
        Err(error) => panic!("{error}"),
    }
}

fn device() -> Rehearsal {
    Rehearsal::accepted(address("192.0.2.1:50000"), address("192.0.2.100:443"), 0)
}

fn address(text: &str) -> SocketAddr {
    match text.parse() {
        Ok(address) => address,
        Err(error) => panic!("{text}: {error}"),
    }
}
