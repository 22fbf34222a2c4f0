//! Scripts hang in at the appliance's events, in the appliance's order.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use lab_adc::{
    engine::{Engine, StartError},
    events::{Command, Event, Facts, RuleInit, Rules, Script, Side},
    model::{Model, Pool},
};

use crate::common::{Member, any_port, ask, connect, dial, end_of, greeting, wait_until};

type Answer = fn(&Event<'_>, &Facts<'_>) -> Vec<Command>;

#[test]
fn events_come_in_the_appliances_order() {
    let member = Member::start();
    let (engine, trace) = traced(&[&member], |_, _| vec![]);
    let (client, _) = connect(&engine);

    drop(client);

    let expected = [
        "CLIENT_ACCEPTED",
        "LB_SELECTED",
        "SA_PICKED",
        "SERVER_INIT",
        "SERVER_CONNECTED",
        "CLIENT_CLOSED",
        "SERVER_CLOSED",
    ];
    wait_until("both sides are closed", || {
        trace.lock().unwrap().len() == expected.len()
    });
    assert_eq!(*trace.lock().unwrap(), expected);
}

#[test]
fn without_a_member_the_balancing_fails_and_the_client_is_reset() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (engine, trace) = start(&Model::simple(any_port(), [nobody]), |_, _| vec![]);

    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));

    assert_eq!(
        *trace.lock().unwrap(),
        [
            "CLIENT_ACCEPTED",
            "LB_SELECTED",
            "SA_PICKED",
            "SERVER_INIT",
            "LB_FAILED"
        ]
    );
}

#[test]
fn what_a_script_says_to_the_server_comes_before_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let model = Model::simple(any_port(), [listener.local_addr().unwrap()]);
    let (engine, _) = start(&model, |event, facts| match event {
        Event::ServerConnected => vec![Command::Respond(
            Side::Server,
            format!("from {} ", facts.client.ip()).into_bytes(),
        )],
        _ => vec![],
    });

    let mut client = dial(&engine);
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();

    let mut heard = String::new();
    listener
        .accept()
        .unwrap()
        .0
        .read_to_string(&mut heard)
        .unwrap();
    assert_eq!(heard, "from 127.0.0.1 hello");
}

#[test]
fn a_script_sees_what_it_collects_before_a_member_is_chosen() {
    let members = [Member::start(), Member::start()];
    let mut model = Model::simple(any_port(), [members[0].address]);
    model.pools.push(Pool::new(
        "other",
        vec![lab_adc::model::Member::new(members[1].address)],
    ));
    let (engine, _) = start(&model, |event, _| match event {
        Event::ClientAccepted => vec![Command::Collect(Side::Client, 5)],
        Event::ClientData(payload) => {
            let pool = if payload.starts_with(b"other") {
                "other"
            } else {
                "pool"
            };
            vec![
                Command::UsePool(pool.to_owned()),
                Command::Release(Side::Client, payload.to_ascii_uppercase()),
            ]
        }
        _ => vec![],
    });

    for (words, member) in [(b"other!", &members[1]), (b"common", &members[0])] {
        let mut client = dial(&engine);
        client.write_all(&words[..2]).unwrap();
        client.write_all(&words[2..]).unwrap();

        assert_eq!(greeting(&mut client).unwrap(), member.address.port());
        let mut echo = [0; 5];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(echo, words[..5].to_ascii_uppercase()[..]);
    }
}

#[test]
fn a_script_may_change_what_the_server_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let model = Model::simple(any_port(), [listener.local_addr().unwrap()]);
    let (engine, _) = start(&model, |event, _| match event {
        Event::ServerConnected => vec![Command::Collect(Side::Server, 6)],
        Event::ServerData(payload) => vec![Command::Release(
            Side::Server,
            payload.iter().rev().copied().collect(),
        )],
        _ => vec![],
    });
    let mut client = dial(&engine);
    let (mut server, _) = listener.accept().unwrap();

    server.write_all(b"abc").unwrap();
    server.write_all(b"def").unwrap();
    let mut heard = [0; 6];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"fedcba");

    server.write_all(b"straight").unwrap();
    let mut heard = [0; 8];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"straight", "released once, it collects no more");
}

#[test]
fn a_script_may_reject_name_a_member_and_log() {
    let members = [Member::start(), Member::start()];
    let named: SocketAddr = members[1].address;
    let model = Model::simple(any_port(), [members[0].address]);
    let (engine, _) = start_with(
        &model,
        Box::new(move |event, facts| match event {
            Event::ClientAccepted if facts.id == 0 => {
                vec![Command::Log("no".to_owned()), Command::Reject]
            }
            Event::ClientAccepted => vec![Command::UseMember(named)],
            _ => vec![],
        }),
    );

    assert_eq!(end_of(&mut dial(&engine)), Err(ErrorKind::ConnectionReset));
    assert_eq!(connect(&engine).1, named.port());
    assert_eq!(ask(engine.handle().log()).unwrap()[0].line, "no");
}

#[test]
fn rules_that_do_not_load_refuse_the_start() {
    let member = Member::start();
    let words = "01070151:3: Rule [/Common/x] error: /Common/x:4: error: [undefined procedure: dict][dict create]";
    let init: RuleInit = Box::new(|| Err(words.to_owned()));

    let refusal = Engine::start_with_rules(
        Model::simple(any_port(), [member.address]),
        HashMap::from([("virtual".to_owned(), init)]),
    );

    match refusal {
        Err(StartError::Rules(said)) => assert_eq!(said, words),
        other => panic!("{other:?}"),
    }
}

type Trace = Arc<Mutex<Vec<&'static str>>>;
type Answering = Box<dyn Fn(&Event<'_>, &Facts<'_>) -> Vec<Command> + Send>;

fn traced(members: &[&Member], answer: Answer) -> (Engine, Trace) {
    start(
        &Model::simple(any_port(), members.iter().map(|member| member.address)),
        answer,
    )
}

fn start(model: &Model, answer: Answer) -> (Engine, Trace) {
    start_with(model, Box::new(answer))
}

fn start_with(model: &Model, answer: Answering) -> (Engine, Trace) {
    let trace = Trace::default();
    let seen = Arc::clone(&trace);
    let init: RuleInit = Box::new(move || {
        Ok(Box::new(Traced {
            trace: seen,
            answer: answer.into(),
        }))
    });
    let engine =
        Engine::start_with_rules(model.clone(), HashMap::from([("virtual".to_owned(), init)]))
            .unwrap();
    (engine, trace)
}

/// Notes every event's name and answers as the test wants.
#[derive(Clone)]
struct Traced {
    trace: Trace,
    answer: Arc<Answering>,
}

impl Rules for Traced {
    fn begin(&self) -> Box<dyn Script> {
        Box::new(self.clone())
    }
}

impl Script for Traced {
    fn handle(&mut self, event: &Event<'_>, connection: &Facts<'_>) -> Vec<Command> {
        self.trace.lock().unwrap().push(event.name());
        (self.answer)(event, connection)
    }
}
