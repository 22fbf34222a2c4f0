//! The device: a request in, an answer out.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use lab_f5::object::Object;
use serde_json::{Value as Json, json};

use super::access::Access;
use super::declare::Declarations;
use super::error::ApiError;
use super::plane::Plane;
use super::request::{Query, Request, Response};
use super::store::Store;
use super::task::Tasks;
use super::transaction::Transactions;
use super::{ltm, system};
use crate::translate::Stage;

/// A BIG-IP with one account.
#[derive(Debug)]
pub struct Device {
    pub(super) store: Store,
    pub(super) plane: Plane,
    /// Partitions made by name; those with objects in them are known by these.
    pub(super) partitions: BTreeSet<String>,
    access: Access,
    transactions: Transactions,
    tasks: Tasks,
    declarations: Declarations,
    random: u64,
}

/// Status and body of a request that went well.
pub(super) type Answer = Result<(u16, Json), ApiError>;

impl Device {
    /// An empty device.
    pub fn new(stage: Stage, user: &str, password: &str) -> Self {
        Self {
            store: Store::new(),
            random: stage.seed,
            plane: Plane::new(stage),
            partitions: BTreeSet::new(),
            access: Access::new(user.to_owned(), password.to_owned()),
            transactions: Transactions::default(),
            tasks: Tasks::default(),
            declarations: Declarations::default(),
        }
    }

    /// Loads objects as `tmsh load sys config merge` does.
    ///
    /// # Errors
    ///
    /// What the appliance would refuse.
    pub async fn load(&mut self, objects: &[Object]) -> Result<(), ApiError> {
        let mut store = self.store.clone();
        store.load(objects);
        self.adopt(store).await
    }

    /// Where virtual servers listen.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.plane
            .addresses()
            .map(|(path, address)| (path.to_owned(), address))
            .collect()
    }

    /// Why virtual servers of the configuration do not run, by path.
    pub fn offline(&self) -> Vec<(String, String)> {
        let reason = |path: &str| Some((path.to_owned(), self.plane.offline(path)?.to_owned()));
        self.store
            .list("virtual")
            .filter_map(|(path, _)| reason(path))
            .collect()
    }

    /// Tenants that AS3 has declared.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &str> {
        self.declarations.tenants()
    }

    /// Answers one request.
    pub async fn answer(&mut self, request: &Request) -> Response {
        match self.dispatch(request).await {
            Ok((status, body)) => Response { status, body },
            Err(error) => Response {
                status: error.status,
                body: error.body(),
            },
        }
    }

    async fn dispatch(&mut self, request: &Request) -> Answer {
        let now = Instant::now();
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let method = request.method.as_str();
        if let ("POST", ["mgmt", "shared", "authn", "login"]) = (method, parts.as_slice()) {
            let random = self.draw();
            return self
                .access
                .login(&request.body, random, now)
                .map(|body| (200, body));
        }
        self.access.admit(
            request.authorization.as_deref(),
            request.token.as_deref(),
            &request.path,
            now,
        )?;

        match (method, parts.as_slice()) {
            ("GET", ["mgmt", "shared", "authz", "tokens", token]) => {
                Ok((200, self.access.shown(token)?))
            }
            ("PATCH", ["mgmt", "shared", "authz", "tokens", token]) => {
                Ok((200, self.access.extend(token, &request.body, now)?))
            }
            ("DELETE", ["mgmt", "shared", "authz", "tokens", token]) => {
                Ok((200, self.access.revoke(token)?))
            }
            (_, ["mgmt", "tm", "transaction", rest @ ..]) => {
                self.transaction(method, rest, &request.body).await
            }
            (_, ["mgmt", "tm", "task", rest @ ..]) => {
                self.tasks.answer(method, rest, &request.body)
            }
            (_, ["mgmt", "tm", "ltm", ..]) if request.transaction.is_some() && method != "GET" => {
                let id = request.transaction.as_deref().unwrap_or_default();
                Ok((200, self.transactions.record(id, request)?))
            }
            (_, ["mgmt", "tm", "ltm", rest @ ..]) => self.ltm(request, rest).await,
            (_, ["mgmt", "shared", "appsvcs", rest @ ..]) => self.appsvcs(request, rest).await,
            (_, rest) => system::answer(self, method, rest, &request.body)
                .await
                .unwrap_or_else(|| Err(ApiError::not_registered(&request.path))),
        }
    }

    async fn ltm(&mut self, request: &Request, rest: &[&str]) -> Answer {
        let query = Query::parse(&request.query);
        if request.method == "GET" {
            return ltm::read(self, rest, &query).await;
        }
        let mut store = self.store.clone();
        let change = ltm::change(&mut store, &request.method, rest, &request.body)?;
        self.adopt(store).await?;
        self.show_change(&change, &query).await
    }

    /// What a change answers: the object as it is now, or nothing.
    async fn show_change(&self, change: &ltm::Change, query: &Query) -> Answer {
        match change {
            ltm::Change::Gone => Ok((200, Json::Null)),
            ltm::Change::Made(segments) => {
                let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
                ltm::read(self, &segments, query).await
            }
        }
    }

    /// Makes a configuration the device's own, if the appliance would take it.
    async fn adopt(&mut self, store: Store) -> Result<(), ApiError> {
        let objects = store.configuration();
        self.plane.check(&objects)?;
        self.store = store;
        self.plane.follow(&objects).await;
        Ok(())
    }

    async fn transaction(&mut self, method: &str, rest: &[&str], body: &Json) -> Answer {
        match (method, rest) {
            ("POST", []) => Ok((200, self.transactions.begin()?)),
            ("GET", [id]) => Ok((200, self.transactions.shown(id)?)),
            ("GET", [id, "commands"]) => Ok((200, self.transactions.commands(id)?)),
            ("GET", [id, "commands", number]) => {
                Ok((200, self.transactions.one_command(id, number)?))
            }
            ("DELETE", [id]) => Ok((200, self.transactions.forget(id)?)),
            ("PATCH", [id]) => self.commit(id, body).await,
            _ => Err(ApiError::not_registered("/mgmt/tm/transaction")),
        }
    }

    /// All commands or none; `validateOnly` stops before the configuration is adopted.
    async fn commit(&mut self, id: &str, body: &Json) -> Answer {
        if body.get("state").and_then(Json::as_str) != Some("VALIDATING") {
            return Err(ApiError::bad_value(
                "state",
                body.get("state").and_then(Json::as_str).unwrap_or_default(),
            ));
        }
        let only_validate = body
            .get("validateOnly")
            .is_some_and(|flag| flag == true || flag == "true");
        let mut store = self.store.clone();
        let outcome = self.transactions.replay(id, |command| {
            let segments = command.segments();
            let parts: Vec<&str> = segments.iter().skip(3).map(String::as_str).collect();
            ltm::change(&mut store, &command.method, &parts, &command.body).map(drop)
        });
        let outcome = match outcome {
            Ok(()) if only_validate => self.plane.check(&store.configuration()),
            Ok(()) => self.adopt(store).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => Ok((200, self.transactions.completed(id, only_validate)?)),
            Err(error) => {
                self.transactions.failed(id, &error);
                Err(ApiError::new(
                    error.status,
                    format!("transaction failed:{}", error.message),
                ))
            }
        }
    }

    async fn appsvcs(&mut self, request: &Request, rest: &[&str]) -> Answer {
        let query = Query::parse(&request.query);
        let dry = query.get("controls.dryRun") == Some("true")
            || request.body.pointer("/controls/dryRun") == Some(&json!(true));
        match (request.method.as_str(), rest) {
            ("GET", ["info"]) => Ok((200, Declarations::info())),
            ("GET", ["declare"]) => self.declarations.current(),
            ("GET", ["task"]) => Ok((200, self.declarations.tasks())),
            ("GET", ["task", id]) => Ok((200, self.declarations.task(id)?)),
            ("POST", ["declare"]) => {
                let random = self.draw();
                let mut store = self.store.clone();
                let outcome = self.declarations.apply(&mut store, &request.body);
                let outcome = match outcome {
                    Ok(results) if dry => {
                        self.plane.check(&store.configuration()).map(|()| results)
                    }
                    Ok(results) => self.adopt(store).await.map(|()| results),
                    Err(refused) => {
                        return Ok((
                            422,
                            self.declarations.file(random, &request.body, 422, refused),
                        ));
                    }
                };
                let asynchronous = query.get("async") == Some("true");
                Ok(self
                    .declarations
                    .answer(random, &request.body, outcome, dry, asynchronous))
            }
            ("DELETE", ["declare", tenants]) => {
                let mut store = self.store.clone();
                let results = self.declarations.remove(&mut store, tenants);
                self.adopt(store).await?;
                Ok((200, json!({ "results": results })))
            }
            _ => Err(ApiError::not_registered(&request.path)),
        }
    }

    /// SplitMix64; identifiers need to differ, not to be secret.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}
