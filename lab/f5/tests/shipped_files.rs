//! `f5-irules/`: what is shipped is what its site file renders, and the linter finds nothing in it.

use std::fs;
use std::path::PathBuf;

use lab_f5::lint::{self, lint};
use lab_f5::render;
use lab_f5::site::Site;

#[test]
fn the_shipped_configurations_are_what_site_toml_renders() {
    let site = Site::from_toml(&read("site.toml")).unwrap();

    for file in render::files(&site) {
        if std::env::var_os("TIDEGATE_WRITE_SHIPPED").is_some() {
            fs::write(folder().join(&file.name), &file.text).unwrap();
        }
        assert!(
            file.text == read(&file.name),
            "{} differs; write it anew with TIDEGATE_WRITE_SHIPPED=1 cargo test -p lab-f5 --test shipped_files",
            file.name
        );
    }
}

#[test]
fn the_linter_finds_nothing_in_what_is_shipped() {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".md") && !name.ends_with(".toml") {
            files.push((name.clone(), read(&name)));
        }
    }
    assert_eq!(files.len(), 9, "{files:?}");

    let together: Vec<_> = files
        .iter()
        .map(|(name, text)| lint::File { name, text })
        .collect();

    assert_eq!(lint::render(&lint(&together)), "nothing found\n");
}

#[test]
fn both_forms_of_a_variant_are_judged_alike_with_proxy_version_1_and_a_trace() {
    let text = read("site.toml").replace("\"v2\"", "\"v1\"") + "event-trace = true\n";
    let site = Site::from_toml(&text).unwrap();

    for file in render::files(&site) {
        let findings = lint(&[lint::File {
            name: &file.name,
            text: &file.text,
        }]);

        assert_eq!(lint::render(&findings), "nothing found\n", "{}", file.name);
        assert!(file.text.contains("tidegate-trace"), "{}", file.name);
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../f5-irules")
}

fn read(name: &str) -> String {
    match fs::read_to_string(folder().join(name)) {
        Ok(text) => text,
        Err(error) => panic!("{name}: {error}"),
    }
}
