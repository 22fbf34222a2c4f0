//! One gateway goes, another takes over.

use std::time::{Duration, Instant};

use gateway_client::{Cause, Settings};

use crate::gateway::{Connection, Gateway, device, next_loss, next_text, record};

/// Two gateways, and the one of them that the device came to first.
async fn first_of(a: Gateway, b: Gateway) -> (Connection, Gateway, Gateway) {
    tokio::select! {
        connection = a.accept() => (connection, a, b),
        connection = b.accept() => (connection, b, a),
    }
}

#[tokio::test]
async fn device_of_a_killed_gateway_goes_on_with_another_at_once() {
    let (a, b) = (Gateway::start().await, Gateway::start().await);
    let (device, mut inbox) = device(&[a.url(), b.url()], Settings::default());
    device.subscribe("/t/k").await.unwrap();
    let (mut connection, killed, other) = first_of(a, b).await;
    connection.receive().await;
    connection
        .send(r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"none"}"#)
        .await;
    connection.send(&record(41, None, "before")).await;
    assert_eq!(next_text(&mut inbox).await, "before");

    let cut = Instant::now();
    drop((connection, killed));
    let mut connection = other.accept().await;
    let reconnected = cut.elapsed();
    assert_eq!(next_loss(&mut inbox).await.0, Cause::Broken);

    assert!(reconnected < Duration::from_millis(100), "{reconnected:?}");
    let resume = connection.receive().await;
    assert_eq!(
        resume,
        r#"{"op":"subscribe","id":2,"subject":"/t/k","from":[{"epoch":"e","seq":41}]}"#
    );
    connection
        .send(r#"{"op":"subscribed","id":2,"subject":"/t/k","recovery":"synced"}"#)
        .await;
    connection.send(&record(41, None, "before")).await;
    connection.send(&record(57, Some(41), "after")).await;
    assert_eq!(next_text(&mut inbox).await, "after");
}

#[tokio::test]
async fn leaving_gateway_is_left_when_it_said() {
    let (a, b) = (Gateway::start().await, Gateway::start().await);
    let (device, mut inbox) = device(&[a.url(), b.url()], Settings::default());
    device.subscribe("/t/k").await.unwrap();
    let (mut connection, _leaving, other) = first_of(a, b).await;
    connection.receive().await;
    connection
        .send(r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"none"}"#)
        .await;

    let told = Instant::now();
    connection
        .send(r#"{"op":"reconnect","after_ms":300}"#)
        .await;
    connection.close(1012).await;
    let _connection = other.accept().await;

    assert!(told.elapsed() >= Duration::from_millis(300));
    assert_eq!(next_loss(&mut inbox).await.0, Cause::Closed { code: 1012 });
}

#[tokio::test]
async fn publish_that_was_cut_off_is_sent_again_with_its_id() {
    let (a, b) = (Gateway::start().await, Gateway::start().await);
    let (device, _inbox) = device(&[a.url(), b.url()], Settings::default());
    let publishing = tokio::spawn(async move { device.publish("/t/k", "x").await });
    let (mut connection, _killed, other) = first_of(a, b).await;
    let first = connection.receive().await;

    drop(connection);
    let mut connection = other.accept().await;
    let second = connection.receive().await;
    connection
        .send(r#"{"op":"published","id":2,"partition":0,"seq":1}"#)
        .await;

    let publish_id = |frame: &str| frame.split("publish_id").nth(1).map(str::to_owned);
    assert_eq!(publish_id(&first), publish_id(&second));
    assert!(publishing.await.unwrap().is_ok());
}

#[tokio::test]
async fn server_that_accepts_and_never_answers_costs_one_timeout() {
    let (silent, gateway) = (Gateway::start().await, Gateway::start().await);
    let settings = Settings {
        connect_timeout: Duration::from_millis(200),
        ..Settings::default()
    };
    let servers = [
        format!("100 {}", silent.url()),
        format!("1 {}", gateway.url()),
    ];
    let (_device, mut inbox) = device(&servers, settings);

    let _held = silent.accept_tcp().await;
    let _connection = gateway.accept().await;

    assert_eq!(next_loss(&mut inbox).await.0, Cause::ConnectTimeout);
}
