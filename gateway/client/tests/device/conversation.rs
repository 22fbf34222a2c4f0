//! What is said while all is well.

use std::time::Duration;

use gateway_client::message::{ErrorCode, Recovery};
use gateway_client::{
    Device, DeviceOptions, Event, News, PublishError, PublishFailed, Published, ServerList,
    Settings, SubscribeError,
};

use crate::gateway::{Gateway, device, in_time, next_text, record};

#[tokio::test]
async fn subscribed_device_is_told_what_comes() {
    let gateway = Gateway::start().await;
    let (device, mut inbox) = device(&[gateway.url()], Settings::default());

    device.subscribe("/t/k").await.unwrap();
    let mut connection = gateway.accept().await;
    assert_eq!(
        connection.receive().await,
        r#"{"op":"subscribe","id":1,"subject":"/t/k"}"#
    );
    connection
        .send(r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"none"}"#)
        .await;
    connection.send(&record(41, None, "21.5")).await;

    assert!(matches!(
        in_time(inbox.next()).await,
        Some(News::Event(Event::Connected { .. }))
    ));
    let subscribed = Event::Subscribed {
        subject: "/t/k".into(),
        recovery: Recovery::None,
    };
    assert_eq!(in_time(inbox.next()).await, Some(News::Event(subscribed)));
    let Some(News::Message(message)) = in_time(inbox.next()).await else {
        panic!("a message is due")
    };
    assert_eq!(
        (message.text(), message.position.seq, message.gap),
        (Some("21.5"), 41, None)
    );
    assert_eq!(
        device.positions("/t/k").await.unwrap()[0].to_string(),
        "41@e"
    );
}

#[tokio::test]
async fn publish_ends_when_the_record_is_in_the_log() {
    let gateway = Gateway::start().await;
    let (device, _inbox) = device(&[gateway.url()], Settings::default());

    let publishing = tokio::spawn(async move { device.publish("/t/k", "21.5").await });
    let mut connection = gateway.accept().await;
    assert!(
        connection
            .receive()
            .await
            .starts_with(r#"{"op":"publish","id":1,"subject":"/t/k","data":"21.5","#)
    );
    connection
        .send(r#"{"op":"published","id":1,"partition":2,"seq":9}"#)
        .await;

    assert_eq!(
        in_time(publishing).await.unwrap(),
        Ok(Published {
            partition: 2,
            seq: 9
        })
    );
}

#[tokio::test]
async fn refused_publish_says_why() {
    let gateway = Gateway::start().await;
    let (device, _inbox) = device(&[gateway.url()], Settings::default());

    let publishing = tokio::spawn(async move { device.publish("/t/k", vec![0, 255]).await });
    let mut connection = gateway.accept().await;
    connection.receive().await;
    connection
        .send(r#"{"op":"error","id":1,"code":"record-too-large","reason":"2 bytes"}"#)
        .await;

    let refused = PublishFailed::Refused {
        code: ErrorCode::RecordTooLarge,
        reason: "2 bytes".to_owned(),
    };
    assert_eq!(in_time(publishing).await.unwrap(), Err(refused));
}

#[tokio::test]
async fn bad_subjects_are_refused_before_anything_is_sent() {
    let (device, _inbox) = device(&["ws://127.0.0.1:9".to_owned()], Settings::default());

    assert!(matches!(
        device.subscribe("t/k").await,
        Err(SubscribeError::Subject(_))
    ));
    let refused = in_time(device.publish("/t/*", "x")).await;
    assert!(matches!(
        refused,
        Err(PublishFailed::NotTaken(PublishError::Wildcard { .. }))
    ));
}

#[tokio::test]
async fn application_that_takes_its_time_gets_everything_in_order() {
    const MESSAGES: i64 = 2000;

    let gateway = Gateway::start().await;
    let settings = Settings {
        answer_timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let options = DeviceOptions {
        settings,
        inbox: 1,
        seed: Some(1),
        ..DeviceOptions::default()
    };
    let (device, mut inbox) = Device::connect(ServerList::parse([gateway.url()]).unwrap(), options);
    device.subscribe("/t/k").await.unwrap();
    let mut connection = gateway.accept().await;
    connection.receive().await;
    connection
        .send(r#"{"op":"subscribed","id":1,"subject":"/t/k","recovery":"none"}"#)
        .await;
    let gateway = tokio::spawn(async move {
        for seq in 0..MESSAGES {
            connection
                .send(&record(
                    seq,
                    Some(seq - 1).filter(|prev| *prev >= 0),
                    &seq.to_string(),
                ))
                .await;
        }
        connection
    });

    // A request whose answer waits behind all that is not read yet.
    let publishing = tokio::spawn({
        let device = device.clone();
        async move { device.publish("/t/k", "late").await }
    });
    // The application is busy for longer than any answer may take.
    tokio::time::sleep(Duration::from_millis(700)).await;
    for seq in 0..MESSAGES {
        assert_eq!(next_text(&mut inbox).await, seq.to_string());
    }
    let mut connection = in_time(gateway).await.unwrap();
    connection.receive().await;
    connection
        .send(r#"{"op":"published","id":2,"partition":0,"seq":2000}"#)
        .await;

    assert_eq!(
        in_time(publishing).await.unwrap(),
        Ok(Published {
            partition: 0,
            seq: 2000
        })
    );
}

#[tokio::test]
async fn closed_device_says_goodbye_and_tells_nothing_more() {
    let gateway = Gateway::start().await;
    let (device, mut inbox) = device(&[gateway.url()], Settings::default());
    let mut connection = gateway.accept().await;
    assert!(matches!(
        in_time(inbox.next()).await,
        Some(News::Event(Event::Connected { .. }))
    ));

    let (code, ()) = in_time(async { tokio::join!(connection.closed(), device.close()) }).await;

    assert_eq!(code, 1000);
    assert_eq!(in_time(inbox.next()).await, None);
}

#[tokio::test]
async fn device_without_handles_closes() {
    let gateway = Gateway::start().await;
    let (device, mut inbox) = device(&[gateway.url()], Settings::default());
    let mut connection = gateway.accept().await;

    assert!(matches!(
        in_time(inbox.next()).await,
        Some(News::Event(Event::Connected { .. }))
    ));
    drop((device, inbox));

    assert_eq!(connection.closed().await, 1000);
}
