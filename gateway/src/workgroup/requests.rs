//! What devices ask for, and how they are answered.

use gateway_engine::{ConnId, Net};
use gateway_protocol::message::{ClientMessage, ErrorCode, ServerMessage};
use gateway_protocol::subject::Key;

use super::Workgroup;
use super::session::Session;
use crate::hub::face::framed;
use crate::hub::request::{Request, Subscribe};
use crate::kafka::acks::{Acked, Ticket};
use crate::kafka::producer::Publish;
use crate::metrics::Reason;

impl Workgroup {
    pub(super) fn request(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        request: ClientMessage<'_>,
    ) {
        let topic = match &request {
            ClientMessage::Subscribe { subject, .. }
            | ClientMessage::Unsubscribe { subject, .. }
            | ClientMessage::Publish { subject, .. } => &subject.topic,
        };
        let Some(topic) = self.around.topics.number(topic) else {
            let reason = format!("this gateway does not carry the topic `{topic}`");
            return self.refuse(
                net,
                conn,
                Some(request.id()),
                ErrorCode::UnknownTopic,
                &reason,
            );
        };
        match request {
            ClientMessage::Subscribe {
                id,
                subject,
                from,
                history,
            } => {
                let name = subject.to_string().into();
                let key = match subject.key {
                    Key::Exact(key) => Some(key.into()),
                    Key::Every => None,
                };
                let group = self.around.group;
                let subscribe = Subscribe {
                    group,
                    conn,
                    id,
                    topic,
                    key,
                    subject: name,
                    from,
                    history,
                };
                self.subscribe(net, subscribe);
            }
            ClientMessage::Unsubscribe { id, subject } => {
                let subject = subject.to_string().into();
                let request = Request::Unsubscribe {
                    group: self.around.group,
                    conn,
                    id,
                    subject,
                };
                self.ask(net, conn, id, request);
            }
            ClientMessage::Publish {
                id,
                subject,
                data,
                publish_id,
            } => {
                let Key::Exact(key) = &subject.key else {
                    let reason = "a publish needs one key, not a whole topic";
                    return self.refuse(net, conn, Some(id), ErrorCode::BadSubject, reason);
                };
                let publish = Publish {
                    topic,
                    key,
                    value: data.as_record(),
                    publish_id: publish_id.as_deref(),
                };
                self.publish(net, conn, id, &publish);
            }
        }
    }

    fn subscribe(&mut self, net: &mut Net<Session>, subscribe: Subscribe) {
        let (conn, id) = (subscribe.conn, subscribe.id);
        let most = self.around.most_subscriptions;
        let Some(session) = net.session_mut(conn) else {
            return;
        };
        if session.subscriptions() >= most {
            let reason = format!("a connection may have {most} subscriptions");
            return self.refuse(
                net,
                conn,
                Some(id),
                ErrorCode::TooManySubscriptions,
                &reason,
            );
        }
        session.ask();
        if !self.ask(net, conn, id, Request::Subscribe(Box::new(subscribe))) {
            self.asked_less(net, conn);
        }
    }

    /// Hands a request to the hub; the device is told if it is too far behind.
    fn ask(&mut self, net: &mut Net<Session>, conn: ConnId, id: u64, request: Request) -> bool {
        let taken = self.around.hub.ask(request).is_ok();
        if !taken {
            let reason = "the gateway is busy: ask again later";
            self.refuse(net, conn, Some(id), ErrorCode::Overloaded, reason);
        }
        taken
    }

    pub(super) fn unsubscribed(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        id: u64,
        name: &str,
    ) {
        let subject = net
            .session(conn)
            .and_then(|session| self.subscribers.held_as(session, name));
        let Some(subject) = subject else {
            let reason = format!("this connection has no subscription to {name}");
            return self.refuse(net, conn, Some(id), ErrorCode::NotSubscribed, &reason);
        };
        self.subscribers.remove(net, conn, subject);
        self.release(subject);
        let answer = ServerMessage::Unsubscribed {
            id,
            subject: name.into(),
        };
        self.answer(net, conn, framed(&answer), 1);
    }

    fn publish(&mut self, net: &mut Net<Session>, conn: ConnId, id: u64, publish: &Publish<'_>) {
        let most = self.around.most_publishing;
        let Some(session) = net.session_mut(conn) else {
            return;
        };
        if session.publishing() >= most {
            let reason =
                format!("{most} publishes of this connection wait for Kafka: send it again later");
            return self.refuse(net, conn, Some(id), ErrorCode::Overloaded, &reason);
        }
        session.publish();
        let ticket = Ticket {
            group: self.around.group,
            conn,
            id,
        };
        if let Err((code, reason)) = self.around.publisher.publish(publish, ticket) {
            self.publishing_less(net, conn);
            self.refuse(net, conn, Some(id), code, &reason);
        }
    }

    pub(super) fn acked(&mut self, net: &mut Net<Session>, acked: Acked) {
        let Ticket { conn, id, .. } = acked.ticket;
        self.publishing_less(net, conn);
        match acked.result {
            Ok(stored) => {
                let answer = ServerMessage::Published {
                    id,
                    partition: stored.partition,
                    seq: stored.offset,
                };
                self.answer(net, conn, framed(&answer), 1);
            }
            Err((code, reason)) => self.refuse(net, conn, Some(id), code, &reason),
        }
    }

    pub(super) fn refuse(
        &mut self,
        net: &mut Net<Session>,
        conn: ConnId,
        id: Option<u64>,
        code: ErrorCode,
        reason: &str,
    ) {
        self.around
            .metrics
            .request_errors
            .get_or_create(&Reason {
                reason: code.word(),
            })
            .inc();
        let answer = ServerMessage::Error {
            id,
            code,
            reason: reason.into(),
        };
        self.answer(net, conn, framed(&answer), 1);
    }

    pub(super) fn asked_less(&self, net: &mut Net<Session>, conn: ConnId) {
        if let Some(session) = net.session_mut(conn) {
            session.answered();
        }
    }

    fn publishing_less(&self, net: &mut Net<Session>, conn: ConnId) {
        if let Some(session) = net.session_mut(conn) {
            session.published();
        }
    }
}
