//! Every dependency is pinned by a checksum of its content.

/// Each crate except our own comes from the registry, with a checksum.
#[test]
fn every_crate_is_locked_by_its_checksum() {
    let lock = include_str!("../Cargo.lock");
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages {
        let name = package.lines().find(|line| line.starts_with("name = "));
        let name = name.expect("a name");
        if name.starts_with("name = \"shoptalk") {
            continue;
        }
        assert!(
            package.contains("source = \"registry+") && package.contains("\nchecksum = \""),
            "{name} is not locked"
        );
    }
}

/// Each npm package has an integrity, and none runs a script when it is installed.
#[test]
fn every_npm_package_is_locked_by_its_integrity() {
    let lock: serde_json::Value =
        serde_json::from_str(include_str!("../web/package-lock.json")).expect("JSON");
    let packages = lock["packages"].as_object().expect("packages");
    assert!(packages.len() > 10, "{} packages", packages.len());
    for (path, package) in packages {
        // Our own packages.
        if path.is_empty() || path == "clients" || package["link"] == true {
            continue;
        }
        let integrity = package["integrity"].as_str().unwrap_or("");
        assert!(integrity.starts_with("sha512-"), "{path}: {package}");
        assert!(
            package["hasInstallScript"] != true,
            "{path} runs a script when it is installed"
        );
    }
}
