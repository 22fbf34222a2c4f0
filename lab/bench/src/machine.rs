//! What was measured on, in one line.

/// Processors, kernel, memory, descriptors.
pub(crate) fn facts() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let model = after(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = after(&read("/proc/meminfo"), "MemTotal")
        .and_then(|size| size.split(' ').next()?.parse::<f64>().ok())
        .unwrap_or(0.0);
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .map_or_else(|| "no limit on".to_owned(), |limit| limit.to_string());
    format!(
        "{processors} × {}, Linux {}, {:.0} GiB, {descriptors} descriptors",
        if model.is_empty() {
            "unnamed processor"
        } else {
            &model
        },
        kernel.trim(),
        memory / (1024.0 * 1024.0),
    )
}
