//! From the bytes of a question to the bytes of an answer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use rand::Rng;

use crate::intermediary::Intermediary;
use crate::zone::{Found, Zone};

/// RFC 1035, section 2.3.4: what UDP carries to those who say nothing of their own.
const UDP_LIMIT: u16 = 512;

/// The largest UDP answer, whatever the other side would take (DNS flag day 2020).
const UDP_LIMIT_WITH_EDNS: u16 = 1232;

/// What the name server is made of, apart from its sockets.
#[derive(Debug, Clone)]
pub struct Service {
    /// What is true.
    pub zone: Zone,
    /// Who keeps answers on the way, if anybody.
    pub intermediary: Option<Intermediary>,
    /// What goes wrong.
    pub mood: Mood,
    /// What was asked so far.
    pub counts: Counts,
}

/// What goes wrong with questions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    /// Nothing.
    #[default]
    Good,
    /// No name exists.
    NxDomain,
    /// The server fails.
    ServFail,
    /// Questions are not answered.
    Silent,
    /// UDP answers are cut off, so that one has to ask again over TCP.
    Truncating,
}

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A stream; answers may be long.
    Tcp,
}

/// Questions so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Over UDP.
    pub udp: u64,
    /// Over TCP.
    pub tcp: u64,
    /// Answered by the intermediary from what it kept.
    pub kept: u64,
}

impl Service {
    /// A service without an intermediary, in a good mood.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self {
            zone,
            intermediary: None,
            mood: Mood::Good,
            counts: Counts::default(),
        }
    }

    fn find(&mut self, query: &Query, now: Instant, rng: &mut impl Rng) -> Found {
        let (name, kind) = (query.name(), query.query_type());
        if let Some(found) = self
            .intermediary
            .as_ref()
            .and_then(|intermediary| intermediary.recall(name, kind, now))
        {
            self.counts.kept += 1;
            return found;
        }
        let wanted = move |ip: &IpAddr| match kind {
            RecordType::A => ip.is_ipv4(),
            RecordType::AAAA => ip.is_ipv6(),
            RecordType::ANY => true,
            _ => false,
        };
        let found = self.zone.find(name, wanted, rng);
        if let Some(intermediary) = &mut self.intermediary {
            intermediary.keep(name, kind, &found, now);
        }
        found
    }
}

/// The answer to one message; none if it is not to be answered, because it is no question or the mood is silent.
pub fn answer(
    service: &mut Service,
    message: &[u8],
    transport: Transport,
    now: Instant,
    rng: &mut impl Rng,
) -> Option<Vec<u8>> {
    match transport {
        Transport::Udp => service.counts.udp += 1,
        Transport::Tcp => service.counts.tcp += 1,
    }
    if service.mood == Mood::Silent {
        return None;
    }
    let reply = match Message::from_vec(message) {
        Ok(asked) if asked.metadata.message_type == MessageType::Query => {
            reply(service, &asked, transport, now, rng)
        }
        // An answer is answered by nobody, or two servers would never stop.
        Ok(_) => return None,
        Err(_) => Message::error_msg(id_of(message)?, OpCode::Query, ResponseCode::FormErr),
    };
    reply.to_vec().ok()
}

fn reply(
    service: &mut Service,
    asked: &Message,
    transport: Transport,
    now: Instant,
    rng: &mut impl Rng,
) -> Message {
    let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
    reply.metadata.recursion_desired = asked.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.authoritative = service.intermediary.is_none();
    reply.add_queries(asked.queries.iter().cloned());
    if asked.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_LIMIT_WITH_EDNS);
        reply.set_edns(edns);
    }
    reply.metadata.response_code = match (asked.queries.as_slice(), service.mood) {
        _ if asked.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
        (_, Mood::ServFail) => ResponseCode::ServFail,
        (_, Mood::NxDomain) => ResponseCode::NXDomain,
        ([query], _) if query.query_class() == DNSClass::IN => {
            match service.find(query, now, rng) {
                Found::Addresses { addresses, ttl } => {
                    let records = addresses.iter().map(|ip| record(query.name(), *ip, ttl));
                    reply.add_answers(records);
                    ResponseCode::NoError
                }
                Found::NoSuchName => ResponseCode::NXDomain,
            }
        }
        // One question a message, as everybody does it.
        _ => ResponseCode::FormErr,
    };
    if transport == Transport::Udp && (service.mood == Mood::Truncating || !fits(&reply, asked)) {
        return reply.truncate();
    }
    reply
}

fn record(name: &Name, ip: IpAddr, ttl: Duration) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    let ttl = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
    Record::from_rdata(name.clone(), ttl, data)
}

/// Whether the answer fits a datagram that the other side takes.
fn fits(reply: &Message, asked: &Message) -> bool {
    let limit = asked.edns.as_ref().map_or(UDP_LIMIT, |edns| {
        edns.max_payload().clamp(UDP_LIMIT, UDP_LIMIT_WITH_EDNS)
    });
    reply
        .to_vec()
        .is_ok_and(|bytes| bytes.len() <= usize::from(limit))
}

fn id_of(message: &[u8]) -> Option<u16> {
    let id = message.first_chunk()?;
    Some(u16::from_be_bytes(*id))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::zone::Order;

    const TTL: Duration = Duration::from_secs(5);

    #[test]
    fn a_question_as_dig_sends_it_is_answered_byte_for_byte() {
        // RFC 1035, section 4: id 0x1234, recursion desired, one question: gw.test, type A, class IN.
        let asked =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02gw\x04test\x00\x00\x01\x00\x01";

        let answered = ask(&mut service(&["127.0.0.2"]), asked, Transport::Udp).unwrap();

        // A response, authoritative, recursion available; the question, then name, type, class, 5 seconds, 4 bytes.
        let expected =
            b"\x12\x34\x85\x80\x00\x01\x00\x01\x00\x00\x00\x00\x02gw\x04test\x00\x00\x01\x00\x01\
            \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x7f\x00\x00\x02";
        assert_eq!(answered, expected);
    }

    #[test]
    fn each_family_is_asked_for_by_itself() {
        let mut service = service(&["127.0.0.2", "2001:db8::1"]);

        let addresses = |service: &mut Service, kind| {
            let reply = put(service, "gw.test.", kind, Transport::Udp);
            reply
                .answers
                .iter()
                .map(|record| record.data.to_string())
                .collect::<Vec<_>>()
        };

        assert_eq!(addresses(&mut service, RecordType::A), ["127.0.0.2"]);
        assert_eq!(addresses(&mut service, RecordType::AAAA), ["2001:db8::1"]);
        assert_eq!(addresses(&mut service, RecordType::MX), [""; 0]);
    }

    #[test]
    fn moods_have_the_codes_of_the_standard() {
        let mut service = service(&["127.0.0.2"]);
        let mut code = |mood, name: &str| {
            service.mood = mood;
            put(&mut service, name, RecordType::A, Transport::Udp)
                .metadata
                .response_code
        };

        assert_eq!(code(Mood::Good, "gw.test."), ResponseCode::NoError);
        assert_eq!(code(Mood::Good, "other.test."), ResponseCode::NXDomain);
        assert_eq!(code(Mood::NxDomain, "gw.test."), ResponseCode::NXDomain);
        assert_eq!(code(Mood::ServFail, "gw.test."), ResponseCode::ServFail);
    }

    #[test]
    fn long_answers_are_cut_off_over_udp_and_whole_over_tcp() {
        let addresses: Vec<String> = (0..60).map(|last| format!("10.0.0.{last}")).collect();
        let mut service = service(&addresses.iter().map(String::as_str).collect::<Vec<_>>());

        let udp = put(&mut service, "gw.test.", RecordType::A, Transport::Udp);
        let tcp = put(&mut service, "gw.test.", RecordType::A, Transport::Tcp);

        assert_eq!((udp.metadata.truncation, udp.answers.len()), (true, 0));
        assert_eq!((tcp.metadata.truncation, tcp.answers.len()), (false, 60));
    }

    #[test]
    fn an_intermediary_answers_with_what_is_over() {
        let start = Instant::now();
        let mut service = service(&["127.0.0.2"]);
        service.intermediary = Some(Intermediary::new(Duration::from_secs(60)));
        let mut rng = SmallRng::seed_from_u64(1);
        let asked = question("gw.test.", RecordType::A);
        let mut at = |service: &mut Service, seconds| {
            let now = start + Duration::from_secs(seconds);
            let bytes = answer(service, &asked, Transport::Udp, now, &mut rng).unwrap();
            Message::from_vec(&bytes).unwrap().answers[0]
                .data
                .to_string()
        };

        let before = at(&mut service, 0);
        service
            .zone
            .set("gw.test", ["127.0.0.9".parse().unwrap()], TTL)
            .unwrap();

        assert_eq!([before, at(&mut service, 59)], ["127.0.0.2"; 2]);
        assert_eq!(at(&mut service, 60), "127.0.0.9");
        assert_eq!(service.counts.kept, 1);
    }

    #[test]
    fn what_is_no_question_has_no_answer_or_an_error() {
        let mut service = service(&["127.0.0.2"]);
        let mut response = question("gw.test.", RecordType::A);
        response[2] |= 0x80;

        assert_eq!(ask(&mut service, &response, Transport::Udp), None);
        assert_eq!(ask(&mut service, b"\x00", Transport::Udp), None);
        let garbage = ask(
            &mut service,
            b"\x12\x34garbage of some length",
            Transport::Udp,
        );
        assert_eq!(
            garbage.map(|bytes| (bytes[0], bytes[1], bytes[3] & 15)),
            Some((0x12, 0x34, 1))
        );
        service.mood = Mood::Silent;
        assert_eq!(
            ask(
                &mut service,
                &question("gw.test.", RecordType::A),
                Transport::Udp
            ),
            None
        );
    }

    fn service(addresses: &[&str]) -> Service {
        let mut zone = Zone::new(Order::Fixed);
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        zone.set("gw.test", addresses, TTL).unwrap();
        Service::new(zone)
    }

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    }

    fn ask(service: &mut Service, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
        answer(
            service,
            message,
            transport,
            Instant::now(),
            &mut SmallRng::seed_from_u64(1),
        )
    }

    fn put(service: &mut Service, name: &str, kind: RecordType, transport: Transport) -> Message {
        let bytes = ask(service, &question(name, kind), transport).unwrap();
        Message::from_vec(&bytes).unwrap()
    }
}
