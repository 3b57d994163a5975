-- What a file was last seen to depend on, at whatever distance: what the next release is compared
-- with, and who has to be judged again once a dependency is refused.
CREATE TABLE dependencies (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  dependency TEXT NOT NULL,
  dependency_version TEXT NOT NULL,
  dependency_sha256 TEXT NOT NULL,
  PRIMARY KEY (index_name, project, sha256, filename, dependency)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependencies_on ON dependencies (index_name, dependency, dependency_sha256);
