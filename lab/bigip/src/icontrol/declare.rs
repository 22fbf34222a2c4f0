//! AS3: declare, dry run, tasks, and what is wrong with a declaration.

use std::collections::BTreeMap;

use lab_f5::as3;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::store::Store;

/// Tasks that are remembered; the appliance keeps 25.
const TASK_LIMIT: usize = 25;

/// Declared tenants and the tasks that declared them.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    tenants: BTreeMap<String, Json>,
    tasks: Vec<Json>,
}

impl Declarations {
    pub(crate) fn info() -> Json {
        json!({ "version": "3.56.0", "release": "10", "schemaCurrent": "3.56.0", "schemaMinimum": "3.0.0" })
    }

    /// The names of all tenants.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.keys().map(String::as_str)
    }

    /// All tenants in one ADC; 204 when nothing is declared.
    pub(crate) fn current(&self) -> Result<(u16, Json), ApiError> {
        if self.tenants.is_empty() {
            return Ok((204, Json::Null));
        }
        let mut adc = json!({ "class": "ADC", "schemaVersion": "3.56.0" });
        for (name, tenant) in &self.tenants {
            adc[name.as_str()] = tenant.clone();
        }
        Ok((200, adc))
    }

    pub(crate) fn tasks(&self) -> Json {
        json!({ "items": self.tasks })
    }

    pub(crate) fn task(&self, id: &str) -> Result<Json, ApiError> {
        let found = self
            .tasks
            .iter()
            .find(|task| task.get("id").and_then(Json::as_str) == Some(id));
        found
            .cloned()
            .ok_or_else(|| ApiError::new(404, format!("Task with ID {id} does not exist")))
    }

    /// Puts a declaration's tenants into a store, each in place of what it was. The error is the body of a 422.
    pub(crate) fn apply(&mut self, store: &mut Store, request: &Json) -> Result<Vec<Json>, Json> {
        let text = serde_json::to_string_pretty(request).unwrap_or_default();
        let declaration = as3::parse("declaration", &text);
        if !declaration.complaints.is_empty() {
            let errors: Vec<String> = declaration
                .complaints
                .iter()
                .map(|complaint| format!("{}; {}", complaint.reason, complaint.remedy))
                .collect();
            return Err(
                json!({ "code": 422, "errors": errors, "message": "declaration is invalid" }),
            );
        }
        let adc = request.get("declaration").unwrap_or(request);
        let mut results = Vec::new();
        for (name, tenant) in adc
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, node)| is_tenant(node))
        {
            let folder = format!("/{name}/");
            let unchanged = self.tenants.get(name) == Some(tenant);
            store.clear_folder(&folder);
            let objects: Vec<_> = declaration
                .objects
                .iter()
                .filter(|object| object.path.starts_with(&folder))
                .cloned()
                .collect();
            store.load(&objects);
            results.push(json!({
                "code": 200,
                "message": if unchanged { "no change" } else { "success" },
                "lineCount": if unchanged { 0 } else { objects.len() },
                "host": "localhost",
                "tenant": name,
                "runTime": 0,
            }));
        }
        Ok(results)
    }

    /// The answer to a declaration that was valid, and its task.
    pub(crate) fn answer(
        &mut self,
        random: u64,
        request: &Json,
        outcome: Result<Vec<Json>, ApiError>,
        dry: bool,
        asynchronous: bool,
    ) -> (u16, Json) {
        let (code, mut results) = match outcome {
            Ok(results) => (200, results),
            Err(error) => {
                let result = json!({ "code": 422, "message": "declaration failed", "response": error.message, "host": "localhost" });
                (422, vec![result])
            }
        };
        for result in results.iter_mut().filter(|_| dry) {
            result["dryRun"] = json!(true);
        }
        if code == 200 && !dry {
            let adc = request.get("declaration").unwrap_or(request);
            let tenants = adc
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, node)| is_tenant(node));
            self.tenants
                .extend(tenants.map(|(name, tenant)| (name.clone(), tenant.clone())));
        }
        let body = self.file(random, request, code, json!({ "results": results }));
        if !asynchronous {
            return (code, body);
        }
        let id = body.get("id").cloned().unwrap_or_default();
        let submitted = json!({
            "id": id,
            "selfLink": format!("https://localhost/mgmt/shared/appsvcs/task/{}", id.as_str().unwrap_or_default()),
            "results": [{ "message": "Declaration successfully submitted", "tenant": "", "host": "", "runTime": 0, "code": 0 }],
            "declaration": {},
        });
        (202, submitted)
    }

    /// Remembers what became of a request; answers the task.
    pub(crate) fn file(&mut self, random: u64, request: &Json, code: u16, outcome: Json) -> Json {
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8000-{:012x}",
            random >> 32,
            (random >> 16) & 0xffff,
            random & 0xfff,
            random & 0xffff_ffff_ffff
        );
        let mut task = json!({ "id": id, "code": code, "declaration": request.get("declaration").unwrap_or(request) });
        if let (Some(task), Some(outcome)) = (task.as_object_mut(), outcome.as_object()) {
            task.extend(
                outcome
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            if !task.contains_key("results") {
                let result = json!([{ "code": code, "message": outcome.get("message"), "errors": outcome.get("errors"), "host": "localhost" }]);
                task.insert("results".into(), result);
            }
        }
        self.tasks.insert(0, task.clone());
        self.tasks.truncate(TASK_LIMIT);
        task
    }

    /// `DELETE /declare/T1,T2`.
    pub(crate) fn remove(&mut self, store: &mut Store, tenants: &str) -> Vec<Json> {
        let remove = |tenant: &str| {
            let known = self.tenants.remove(tenant).is_some();
            store.clear_folder(&format!("/{tenant}/"));
            json!({ "code": 200, "message": if known { "success" } else { "no change" }, "tenant": tenant, "host": "localhost" })
        };
        tenants.split(',').map(remove).collect()
    }
}

fn is_tenant(node: &Json) -> bool {
    node.get("class").and_then(Json::as_str) == Some("Tenant")
}
