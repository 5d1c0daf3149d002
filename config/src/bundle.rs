//! The texts of a configuration, and what they mean together.
//!
//! A bundle is read from disk once, where the user edits it. After that it travels as it is, so that every role
//! reads the same texts in the same way, whatever lies on its own disk.
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Config, Error, RuleError, generated, glob, parse_rules, print, yaml};

/// The main file and all files that it names by patterns: rule files and those with more scrape jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Where the main file lies; relative paths begin at its directory.
    pub path: PathBuf,
    /// The main file's content.
    pub main: String,
    /// The other files' contents by their paths.
    pub files: BTreeMap<String, String>,
    /// What was generated from objects of a cluster, by [`GENERATED_JOBS`](crate::GENERATED_JOBS) and the like.
    pub generated: BTreeMap<String, String>,
}

/// What reading a configuration needs from outside of it.
#[derive(Clone, Copy)]
pub struct Outside<'o> {
    /// The value of an environment variable.
    pub variable: &'o dyn Fn(&str) -> Option<String>,
    /// Checks the template of an alert: its name and the text.
    pub template: &'o dyn Fn(&str, &str) -> Result<(), String>,
    /// Which expressions are allowed.
    pub promql: promql::Options,
}

impl Default for Outside<'_> {
    /// An empty environment; every template is good.
    fn default() -> Self {
        Self {
            variable: &|_| None,
            template: &|_, _| Ok(()),
            promql: promql::Options::default(),
        }
    }
}

/// Why there is no configuration, in Prometheus' words, in which the cause stands: none is told beside it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file could not be read.
    #[error("open {path}: {cause}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The main file is refused.
    #[error("parsing YAML file {path}: {cause}")]
    Main {
        /// Which.
        path: String,
        /// Why.
        cause: Error,
    },
    /// A file with scrape jobs is refused.
    #[error("error loading scrape configs: {path:?}: {cause}")]
    ScrapeFile {
        /// Which.
        path: String,
        /// Why.
        cause: Error,
    },
    /// A rule file is refused.
    #[error("{}", Listed(path, errors))]
    Rules {
        /// Which.
        path: String,
        /// All that is wrong with it.
        errors: Vec<RuleError>,
    },
}

struct Listed<'e>(&'e str, &'e [RuleError]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(path, errors) = self;
        for (i, error) in errors.iter().enumerate() {
            write!(f, "{}{path}: {error}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Bundle {
    /// Reads the main file at `path` and the files that it names.
    ///
    /// # Errors
    /// [`LoadError`] if a file cannot be read, or if the main file is refused.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let mut bundle = Self::load_main(path)?;
        let config = bundle.parse_main(&Outside::default())?;
        for pattern in config.rule_files.iter().chain(&config.scrape_config_files) {
            for file in glob::glob(pattern) {
                let text = read(Path::new(&file))?;
                bundle.files.insert(file, text);
            }
        }
        Ok(bundle)
    }

    /// Reads the main file at `path` alone.
    pub(crate) fn load_main(path: &Path) -> Result<Self, LoadError> {
        Ok(Self {
            path: path.to_owned(),
            main: read(path)?,
            ..Self::default()
        })
    }

    /// Where relative paths of the main file begin.
    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The main file for people to read: without comments, with `<secret>` in place of secrets.
    ///
    /// # Errors
    /// [`Error`] if the main file is no YAML.
    pub fn shown(&self) -> Result<String, Error> {
        yaml::parse(&self.main).map(|root| print::shown(&root))
    }

    fn parse_main(&self, outside: &Outside<'_>) -> Result<Config, LoadError> {
        Config::parse_main(&self.main, self.directory(), outside.variable).map_err(|cause| {
            LoadError::Main {
                path: self.path.display().to_string(),
                cause,
            }
        })
    }

    /// What the texts mean, but for the rule files.
    ///
    /// # Errors
    /// [`LoadError`] for what is refused, with the file.
    pub fn without_rules(&self, outside: &Outside<'_>) -> Result<Config, LoadError> {
        let mut config = self.parse_main(outside)?;
        let main_jobs = config.jobs.iter();
        let mut places: BTreeMap<String, String> = main_jobs
            .map(|job| (job.name.clone(), "main config file".to_owned()))
            .collect();
        for (path, text) in self.matching(&config.scrape_config_files.clone()) {
            let refused = |cause| LoadError::ScrapeFile {
                path: path.to_owned(),
                cause,
            };
            let directory = Path::new(path).parent().unwrap_or(Path::new(""));
            let jobs = Config::parse_jobs(text, &config.global, directory).map_err(refused)?;
            for job in jobs {
                if let Some(first) = places.insert(job.name.clone(), format!("{path:?}")) {
                    let name = &job.name;
                    return Err(refused(Error::invalid(
                        1,
                        format!(
                            "found multiple scrape configs with job name {name:?}, first found in {first}"
                        ),
                    )));
                }
                config.jobs.push(job);
            }
        }
        Ok(config)
    }

    /// The files that one of `patterns` stands for, pattern by pattern.
    fn matching<'b>(&'b self, patterns: &'b [String]) -> impl Iterator<Item = (&'b str, &'b str)> {
        patterns.iter().flat_map(|pattern| {
            self.files
                .iter()
                .filter(move |(path, _)| path.as_str() == pattern || glob::matches(pattern, path))
                .map(|(path, text)| (path.as_str(), text.as_str()))
        })
    }
}

impl Config {
    /// The main file of `bundle`, which this configuration was made from, for people and programs to read: as
    /// [`Bundle::shown`], with the jobs that were generated, the defaults of `global` and of the jobs, and with external
    /// labels as they are sent.
    ///
    /// # Errors
    /// [`Error`] if the main file is no YAML.
    pub fn shown(&self, bundle: &Bundle) -> Result<String, Error> {
        let root = yaml::parse(&bundle.main)?;
        Ok(print::shown_with_defaults(root, self, &bundle.generated))
    }

    /// What the texts of `bundle` mean.
    ///
    /// # Errors
    /// [`LoadError`] if one of the user's is refused. What is generated is not: see [`Merged`](crate::Merged).
    pub fn from_bundle(bundle: &Bundle, outside: &Outside<'_>) -> Result<Self, LoadError> {
        let mut config = bundle.without_rules(outside)?;
        for (path, text) in bundle.matching(&config.rule_files.clone()) {
            let groups = parse_rules(path, text, config.global.names, outside);
            let mut groups = groups.map_err(|errors| LoadError::Rules {
                path: path.to_owned(),
                errors,
            })?;
            config.rule_groups.append(&mut groups);
        }
        generated::merge(&mut config, &bundle.generated, bundle.directory(), outside);
        Ok(config)
    }
}
fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|cause| LoadError::Read {
        path: path.display().to_string(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_means_the_same_wherever_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let main = write(
            "prometheus.yml",
            "global: {external_labels: {zone: '${ZONE}'}}\nrule_files: [rules/*.yml]\nscrape_config_files: [jobs/*.yml]\nscrape_configs:\n- job_name: a\n  basic_auth: {password_file: secret}\n",
        );
        write(
            "rules/b.yml",
            "groups: [{name: b, rules: [{record: x, expr: up}]}]",
        );
        write(
            "rules/a.yml",
            "groups: [{name: a, rules: [{record: x, expr: up}]}]",
        );
        write(
            "jobs/b.yml",
            "scrape_configs: [{job_name: b, file_sd_configs: [{files: [t.yml]}]}]",
        );
        let bundle = Bundle::load(&main).unwrap();
        drop(directory);
        let variable = |name: &str| (name == "ZONE").then(|| "east".to_owned());
        let outside = Outside {
            variable: &variable,
            ..Outside::default()
        };
        let config = Config::from_bundle(&bundle, &outside).unwrap();
        assert_eq!(config.global.external_labels.value("zone"), "east");
        let names: Vec<_> = config
            .rule_groups
            .iter()
            .map(|group| group.name.as_str())
            .collect();
        assert_eq!(names, ["a", "b"]);
        let names: Vec<_> = config.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let crate::Discovery::File(files) = &config.jobs[1].discovery[0] else {
            panic!("{:?}", config.jobs[1].discovery);
        };
        let below = main.parent().unwrap().join("jobs/t.yml");
        assert_eq!(files.files, [below.to_str().unwrap()]);
    }

    #[test]
    fn a_job_has_one_place() {
        let bundle = Bundle {
            path: "/etc/p/prometheus.yml".into(),
            main: "scrape_config_files: [b.yml]\nscrape_configs: [{job_name: a}]".to_owned(),
            files: [(
                "/etc/p/b.yml".to_owned(),
                "scrape_configs: [{job_name: a}]".to_owned(),
            )]
            .into(),
            ..Bundle::default()
        };
        let error = Config::from_bundle(&bundle, &Outside::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error loading scrape configs: \"/etc/p/b.yml\": found multiple scrape configs with job name \"a\", first found in main config file"
        );
    }
}
