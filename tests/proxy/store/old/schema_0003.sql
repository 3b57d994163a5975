BEGIN TRANSACTION;
CREATE TABLE advisories (
  feed TEXT NOT NULL REFERENCES feeds (name),
  id TEXT NOT NULL,
  modified INTEGER NOT NULL,
  malicious INTEGER NOT NULL,
  withdrawn INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (feed, id)
) STRICT;
INSERT INTO "advisories" VALUES('ossf','MAL-2026-1',1769904000000000,1,0,1,'{"id":"MAL-2026-1","modified":"2026-02-01T00:00:00Z","published":null,"withdrawn":null,"aliases":[],"malicious":true,"severity":"","summary":"","details":"","affected":[{"project":"demo","versions":[],"ranges":[],"sha256s":[]}]}');
CREATE TABLE advisory_changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  UNIQUE (project, sha256)
) STRICT;
INSERT INTO "advisory_changes" VALUES(1,1748779320000000,'demo','');
CREATE TABLE advisory_subjects (
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  feed TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (project, sha256, feed, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "advisory_subjects" VALUES('demo','','ossf','MAL-2026-1');
CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,1748779200000000,'judge','decision_made','pypi/demo/8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85/demo-1.0-py3-none-any.whl','{"action":"HOLD","digest":"sha256:e646799814d58c1e038d6942ddb41fc0ac281b620add0d8d1a3512ea061c10c6","hold":"review","id":"4zdhtgau2w","override_id":"","tier":"QUARANTINE"}','0000000000000000000000000000000000000000000000000000000000000000','fe3f57086cf1bfd44eb6a88b1bdcb18b46679695cb998bd0c0d61435cc9eb0b0');
INSERT INTO "audit" VALUES(2,1748779260000000,'judge','decision_made','pypi/demo/8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85/demo-1.0-py3-none-any.whl','{"action":"SERVE","digest":"sha256:2fa1d0f68378c200a2dbba7cf17c14b89aecc5026d8c4c051ac19d016c7bf655","hold":null,"id":"f6q5b5udpd","override_id":"","tier":"APPROVE"}','fe3f57086cf1bfd44eb6a88b1bdcb18b46679695cb998bd0c0d61435cc9eb0b0','d0da19ec2432416ec9fa4079b23b099758630f51bb5c0d889547f2d26f49eca2');
INSERT INTO "audit" VALUES(3,1748779260000000,'judge','decision_made','pypi/demo/cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d/demo-2.0-py3-none-any.whl','{"action":"HOLD","digest":"sha256:f6cd203e05de3d7795dca140b3b7c9d59e95a693d8b7a53b5cf1d4409a673076","hold":"review","id":"63gsapqf3y","override_id":"","tier":"QUARANTINE"}','d0da19ec2432416ec9fa4079b23b099758630f51bb5c0d889547f2d26f49eca2','9570e77d671efd0ebcdcefa8768529fd5b24a174b922b66eca407cdf1ceb7e61');
INSERT INTO "audit" VALUES(4,1748779320000000,'judge','decision_made','pypi/demo/cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d/demo-2.0-py3-none-any.whl','{"action":"SERVE","digest":"sha256:a6874c060fba2b142459f6bbac06a3a74506e3bf036fac3de72e264c18a3adcf","hold":null,"id":"u2duybqpxi","override_id":"","tier":"APPROVE"}','9570e77d671efd0ebcdcefa8768529fd5b24a174b922b66eca407cdf1ceb7e61','e4c80a571fc91349c87bd4db9aab35135218338711f9cc3ccfbdcdc36f9d20a6');
INSERT INTO "audit" VALUES(5,1748779320000000,'alice','override_added','o1','{"above_proof":false,"action":"deny","actor":"alice","bound":0,"created_at":"2025-06-01T12:00:00Z","digest":"sha256:589396d3021b0d3db7a5bf77fb94ee964aee6eca97a461cb902bf7e7876a7e45","expires_at":"2025-07-01T12:00:00Z","future":false,"id":"o1","justification":"because","project":"other","revoked_at":null,"revoked_by":"","sha256":null,"specifier":""}','e4c80a571fc91349c87bd4db9aab35135218338711f9cc3ccfbdcdc36f9d20a6','d34167d834402b6456ecde8496b49fb4e01d520cb8b0cb9453e22b1318ed723a');
INSERT INTO "audit" VALUES(6,1748779320000000,'alice','override_added','o2','{"above_proof":false,"action":"deny","actor":"alice","bound":0,"created_at":"2025-06-01T12:00:00Z","digest":"sha256:30e19ee7abfe6ea18dc78cca1ce95324330ab1cab6786fa943a23d0a2c937023","expires_at":"2025-07-01T12:00:00Z","future":false,"id":"o2","justification":"because","project":null,"revoked_at":null,"revoked_by":"","sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85","specifier":""}','d34167d834402b6456ecde8496b49fb4e01d520cb8b0cb9453e22b1318ed723a','c03151475d662880ceea28ae4c4de5a2dac0abde685c24e2fc7a76256d365f35');
INSERT INTO "audit" VALUES(7,1748779320000000,'bob','override_revoked','o2','{"above_proof":false,"action":"deny","actor":"alice","bound":0,"created_at":"2025-06-01T12:00:00Z","digest":"sha256:2a6277913c5298b1fcb1079bfd261ce5598787c0517b4d0877f6781e6a7f0ff2","expires_at":"2025-07-01T12:00:00Z","future":false,"id":"o2","justification":"because","project":null,"revoked_at":"2025-06-01T12:02:00Z","revoked_by":"bob","sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85","specifier":""}','c03151475d662880ceea28ae4c4de5a2dac0abde685c24e2fc7a76256d365f35','aae1265b13c12d93958e82199d04464f5d5a4fe63c52f055c2f270edc8a614bd');
INSERT INTO "audit" VALUES(8,1748779320000000,'alice','token_added','t1','{"expires_at":null,"kind":"client","name":"laptop"}','aae1265b13c12d93958e82199d04464f5d5a4fe63c52f055c2f270edc8a614bd','c3d5a783eb0aac7945e96b3fc6e07c04d51988857d9c1ba27712c2677541d312');
INSERT INTO "audit" VALUES(9,1748779320000000,'alice','token_added','t2','{"expires_at":null,"kind":"worker","name":"ghost"}','c3d5a783eb0aac7945e96b3fc6e07c04d51988857d9c1ba27712c2677541d312','023a18467ff10543ba4033a80f5f4283b3d01fbf569e95fee81d94c6437228cd');
INSERT INTO "audit" VALUES(10,1748779320000000,'operator','worker_distrusted','ghost','{}','023a18467ff10543ba4033a80f5f4283b3d01fbf569e95fee81d94c6437228cd','207dbda3a226a880a21716bf4640fe1e6323d209132aff7d29d009e054dbfd5a');
INSERT INTO "audit" VALUES(11,1748779320000000,'feeds','feed_imported','ossf','{"added":1,"changed":0,"removed":0}','207dbda3a226a880a21716bf4640fe1e6323d209132aff7d29d009e054dbfd5a','ae9f87c3e02a95c8fc8bbdf068c2c73b035367ddf8bb443d14ce287083987b86');
CREATE TABLE blobs (digest TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT;
INSERT INTO "blobs" VALUES('sha256:2ff8bc76b859dc6292f9a30ff9b9a0ee21eaab354c706f17385d7f6286ff954b',X'747261636530');
INSERT INTO "blobs" VALUES('sha256:bd5b79160e19cd0342b3f3f359597787239a349dd78f83e7fc767c4efd10c880',X'6D6574616461746130');
INSERT INTO "blobs" VALUES('sha256:625abea708c33c370e717ee744eb0ad660e7d8200869df323c22c035d4b41f9e',X'747261636531');
INSERT INTO "blobs" VALUES('sha256:dd98910dbc7831753bab3da302ce5bf9d73ac13961913c2e774de8e737867f0d',X'6D6574616461746131');
CREATE TABLE changes (
  generation INTEGER PRIMARY KEY AUTOINCREMENT,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  UNIQUE (index_name, project)
) STRICT;
INSERT INTO "changes" VALUES(5,'pypi','other');
INSERT INTO "changes" VALUES(7,'pypi','demo');
CREATE TABLE current_decisions (
  number INTEGER PRIMARY KEY REFERENCES decisions (number),
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  digest TEXT NOT NULL,
  action TEXT NOT NULL,
  policy_digest TEXT NOT NULL,
  model_digest TEXT,
  evidence_digest TEXT,
  expires_at INTEGER,
  UNIQUE (index_name, project, sha256, filename)
) STRICT;
INSERT INTO "current_decisions" VALUES(2,'pypi','demo','8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85','demo-1.0-py3-none-any.whl','sha256:2fa1d0f68378c200a2dbba7cf17c14b89aecc5026d8c4c051ac19d016c7bf655','SERVE','sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812','sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4','sha256:2c864605796d4694e0b947b48197cb22c8a0dbecad04c88441d079e7584aa717',NULL);
INSERT INTO "current_decisions" VALUES(4,'pypi','demo','cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d','demo-2.0-py3-none-any.whl','sha256:a6874c060fba2b142459f6bbac06a3a74506e3bf036fac3de72e264c18a3adcf','SERVE','sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812','sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4','sha256:fdcd1848c676a6e275a75d4d73ea73101e8e8d8569ebee3f8ba2ccea5c4fb5d2',NULL);
CREATE TABLE decisions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  digest TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;
INSERT INTO "decisions" VALUES(1,'4zdhtgau2w','sha256:e646799814d58c1e038d6942ddb41fc0ac281b620add0d8d1a3512ea061c10c6',1748779200000000,1,'{"action":"HOLD","as_of":"2025-06-01T12:00:00Z","evidence_digest":"sha256:2c864605796d4694e0b947b48197cb22c8a0dbecad04c88441d079e7584aa717","expires_at":null,"facts_digest":"sha256:7b2b457c85b5b18a0faea4c6ed228f95126cee9990c51ec4b69916fa526b2b04","hold":"review","layers_off":[],"override_id":"","policy_digest":"sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812","reasons":[{"code":"score","words":[["score","50"]]}],"ref":{"filename":"demo-1.0-py3-none-any.whl","index":"pypi","project":"demo","sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85"},"schema_version":1,"score":{"layers":[],"model":"rules","model_digest":"sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","value":50},"tier":"QUARANTINE"}');
INSERT INTO "decisions" VALUES(2,'f6q5b5udpd','sha256:2fa1d0f68378c200a2dbba7cf17c14b89aecc5026d8c4c051ac19d016c7bf655',1748779260000000,1,'{"action":"SERVE","as_of":"2025-06-01T12:01:00Z","evidence_digest":"sha256:2c864605796d4694e0b947b48197cb22c8a0dbecad04c88441d079e7584aa717","expires_at":null,"facts_digest":"sha256:7b2b457c85b5b18a0faea4c6ed228f95126cee9990c51ec4b69916fa526b2b04","hold":null,"layers_off":[],"override_id":"","policy_digest":"sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812","reasons":[{"code":"score","words":[["score","90"]]}],"ref":{"filename":"demo-1.0-py3-none-any.whl","index":"pypi","project":"demo","sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85"},"schema_version":1,"score":{"layers":[],"model":"rules","model_digest":"sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","value":90},"tier":"APPROVE"}');
INSERT INTO "decisions" VALUES(3,'63gsapqf3y','sha256:f6cd203e05de3d7795dca140b3b7c9d59e95a693d8b7a53b5cf1d4409a673076',1748779260000000,1,'{"action":"HOLD","as_of":"2025-06-01T12:00:00Z","evidence_digest":"sha256:fdcd1848c676a6e275a75d4d73ea73101e8e8d8569ebee3f8ba2ccea5c4fb5d2","expires_at":null,"facts_digest":"sha256:b4e415e9a38d7cb4ddfec9c3aff4c98bbb8bfc138898a8187089979ff33d47ec","hold":"review","layers_off":[],"override_id":"","policy_digest":"sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812","reasons":[{"code":"score","words":[["score","50"]]}],"ref":{"filename":"demo-2.0-py3-none-any.whl","index":"pypi","project":"demo","sha256":"cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d"},"schema_version":1,"score":{"layers":[],"model":"rules","model_digest":"sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","value":50},"tier":"QUARANTINE"}');
INSERT INTO "decisions" VALUES(4,'u2duybqpxi','sha256:a6874c060fba2b142459f6bbac06a3a74506e3bf036fac3de72e264c18a3adcf',1748779320000000,1,'{"action":"SERVE","as_of":"2025-06-01T12:02:00Z","evidence_digest":"sha256:fdcd1848c676a6e275a75d4d73ea73101e8e8d8569ebee3f8ba2ccea5c4fb5d2","expires_at":null,"facts_digest":"sha256:b4e415e9a38d7cb4ddfec9c3aff4c98bbb8bfc138898a8187089979ff33d47ec","hold":null,"layers_off":[],"override_id":"","policy_digest":"sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812","reasons":[{"code":"score","words":[["score","90"]]}],"ref":{"filename":"demo-2.0-py3-none-any.whl","index":"pypi","project":"demo","sha256":"cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d"},"schema_version":1,"score":{"layers":[],"model":"rules","model_digest":"sha256:9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","value":90},"tier":"APPROVE"}');
CREATE TABLE distrusted_workers (
  name TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "distrusted_workers" VALUES('ghost',1748779320000000);
CREATE TABLE evidence (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL UNIQUE,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;
INSERT INTO "evidence" VALUES(1,'sha256:2c864605796d4694e0b947b48197cb22c8a0dbecad04c88441d079e7584aa717',3,'{"account":{"denied":0,"dropped":0,"emitted":0,"map_overflows":0,"raced":0,"received":0,"stored":0},"analyzer":{"kernel":"","platform":"linux","python":"3.11","version":"0.1","worker":""},"changes":null,"code_digest":null,"contents":null,"contents_changes":null,"coverage":{"entry_points":0,"modules_failed":0,"modules_found":0,"modules_imported":0,"start_hooks":0},"dependencies":[],"duration_ms":900,"filename":"demo-1.0-py3-none-any.whl","findings":[{"at_ms":0,"id":"reads-key","layer":"behaviour","owner":"","phase":null,"place":{"address":"","excerpt":"","host":"","line":0,"path":"","port":0,"process":""},"proof":null,"severity":"high","technique":"","title":"Reads a key","what":""}],"layers":["metadata","behaviour"],"metadata_digest":"sha256:bd5b79160e19cd0342b3f3f359597787239a349dd78f83e7fc767c4efd10c880","observed_at":"2025-06-01T12:00:00Z","phases":[],"profile":null,"schema_version":3,"sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85","shortfalls":[],"signals":[],"size_bytes":1000,"trace_digest":"sha256:2ff8bc76b859dc6292f9a30ff9b9a0ee21eaab354c706f17385d7f6286ff954b"}');
INSERT INTO "evidence" VALUES(2,'sha256:fdcd1848c676a6e275a75d4d73ea73101e8e8d8569ebee3f8ba2ccea5c4fb5d2',3,'{"account":{"denied":0,"dropped":0,"emitted":0,"map_overflows":0,"raced":0,"received":0,"stored":0},"analyzer":{"kernel":"","platform":"linux","python":"3.11","version":"0.1","worker":""},"changes":null,"code_digest":null,"contents":null,"contents_changes":null,"coverage":{"entry_points":0,"modules_failed":0,"modules_found":0,"modules_imported":0,"start_hooks":0},"dependencies":[],"duration_ms":900,"filename":"demo-2.0-py3-none-any.whl","findings":[{"at_ms":0,"id":"reads-key","layer":"behaviour","owner":"","phase":null,"place":{"address":"","excerpt":"","host":"","line":0,"path":"","port":0,"process":""},"proof":null,"severity":"high","technique":"","title":"Reads a key","what":""}],"layers":["metadata","behaviour"],"metadata_digest":"sha256:dd98910dbc7831753bab3da302ce5bf9d73ac13961913c2e774de8e737867f0d","observed_at":"2025-06-01T12:00:00Z","phases":[],"profile":null,"schema_version":3,"sha256":"cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d","shortfalls":[],"signals":[],"size_bytes":1000,"trace_digest":"sha256:625abea708c33c370e717ee744eb0ad660e7d8200869df323c22c035d4b41f9e"}');
CREATE TABLE evidence_posts (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL REFERENCES evidence (digest),
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  worker TEXT NOT NULL,
  posted_at INTEGER NOT NULL
) STRICT;
INSERT INTO "evidence_posts" VALUES(1,'sha256:2c864605796d4694e0b947b48197cb22c8a0dbecad04c88441d079e7584aa717','8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85','demo-1.0-py3-none-any.whl','pi',1748779200000000);
INSERT INTO "evidence_posts" VALUES(2,'sha256:fdcd1848c676a6e275a75d4d73ea73101e8e8d8569ebee3f8ba2ccea5c4fb5d2','cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d','demo-2.0-py3-none-any.whl','pi',1748779260000000);
CREATE TABLE facts (
  digest TEXT PRIMARY KEY,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('sha256:10e3342fcadb0bdb8a98a74728ac2284bd4f069f353d817a527c50618c1e4b97',3,'{"approved_sibling":"","as_of":"2025-06-01T12:02:00Z","attested":null,"findings":[],"missing":["attested"],"popularity_rank":null,"project_file_count":null,"project_first_upload":null,"project_release_count":null,"ref":{"filename":"other-1.0-py3-none-any.whl","index":"pypi","project":"other","sha256":"3b1e24c7deb3a252e44d633f75b285f37c0ec421192d9280f55107f495d25957"},"release_has_sdist":null,"requires_python":null,"schema_version":3,"signals":[],"size_bytes":1000,"sources":[],"upload_time":null,"yanked":false}');
INSERT INTO "facts" VALUES('sha256:7b2b457c85b5b18a0faea4c6ed228f95126cee9990c51ec4b69916fa526b2b04',3,'{"approved_sibling":"","as_of":"2025-06-01T12:00:00Z","attested":null,"findings":[],"missing":["attested"],"popularity_rank":null,"project_file_count":null,"project_first_upload":null,"project_release_count":null,"ref":{"filename":"demo-1.0-py3-none-any.whl","index":"pypi","project":"demo","sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85"},"release_has_sdist":null,"requires_python":null,"schema_version":3,"signals":[],"size_bytes":1000,"sources":[],"upload_time":null,"yanked":false}');
INSERT INTO "facts" VALUES('sha256:b4e415e9a38d7cb4ddfec9c3aff4c98bbb8bfc138898a8187089979ff33d47ec',3,'{"approved_sibling":"","as_of":"2025-06-01T12:01:00Z","attested":null,"findings":[],"missing":["attested"],"popularity_rank":null,"project_file_count":null,"project_first_upload":null,"project_release_count":null,"ref":{"filename":"demo-2.0-py3-none-any.whl","index":"pypi","project":"demo","sha256":"cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d"},"release_has_sdist":null,"requires_python":null,"schema_version":3,"signals":[],"size_bytes":1000,"sources":[],"upload_time":null,"yanked":false}');
CREATE TABLE feeds (
  name TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  tried_at INTEGER,
  succeeded_at INTEGER,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  records INTEGER NOT NULL,
  malicious INTEGER NOT NULL,
  withdrawn INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  newest_modified INTEGER,
  error TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "feeds" VALUES('ossf','/srv/ossf',NULL,NULL,'','',1,1,0,0,1769904000000000,'');
CREATE TABLE fetches (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  requester TEXT NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  status INTEGER NOT NULL,
  decision_id TEXT NOT NULL
) STRICT;
INSERT INTO "fetches" VALUES(1,1748779200000000,'pypi','demo','8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85','demo-1.0-py3-none-any.whl','laptop','192.0.2.7','pip',200,'abcdefgh');
INSERT INTO "fetches" VALUES(2,1748779200000000,'pypi','demo','cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d','demo-2.0-py3-none-any.whl','laptop','192.0.2.7','uv',200,'abcdefgh');
CREATE TABLE indexes (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO "indexes" VALUES('pypi');
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  filename TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'observed', 'decided')),
  priority INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  lease_id TEXT NOT NULL,
  worker TEXT NOT NULL,
  lease_expires_at INTEGER,
  last_error TEXT NOT NULL,
  not_before INTEGER,
  facts_digest TEXT NOT NULL REFERENCES facts (digest),
  evidence_digest TEXT REFERENCES evidence (digest),
  UNIQUE (index_name, project, sha256, filename)
) STRICT;
INSERT INTO "jobs" VALUES(1,'pypi','demo','8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85','demo-1.0-py3-none-any.whl',1000,'decided',0,1,1748779200000000,1748779200000000,'','pi',NULL,'',NULL,'sha256:7b2b457c85b5b18a0faea4c6ed228f95126cee9990c51ec4b69916fa526b2b04','sha256:2c864605796d4694e0b947b48197cb22c8a0dbecad04c88441d079e7584aa717');
INSERT INTO "jobs" VALUES(2,'pypi','demo','cb0fd662fe7640cd209565ed8f74afe4d1666dd3d5d4c5995913d4f1e9152e7d','demo-2.0-py3-none-any.whl',1000,'decided',0,1,1748779260000000,1748779260000000,'','pi',NULL,'',NULL,'sha256:b4e415e9a38d7cb4ddfec9c3aff4c98bbb8bfc138898a8187089979ff33d47ec','sha256:fdcd1848c676a6e275a75d4d73ea73101e8e8d8569ebee3f8ba2ccea5c4fb5d2');
INSERT INTO "jobs" VALUES(3,'pypi','other','3b1e24c7deb3a252e44d633f75b285f37c0ec421192d9280f55107f495d25957','other-1.0-py3-none-any.whl',1000,'leased',0,1,1748779320000000,1748779320000000,'l2','pi',1748779350000000,'',NULL,'sha256:10e3342fcadb0bdb8a98a74728ac2284bd4f069f353d817a527c50618c1e4b97',NULL);
CREATE TABLE overrides (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  project TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  schema_version INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;
INSERT INTO "overrides" VALUES(1,'o1','other',1748779200000000,1751371200000000,NULL,1,'{"above_proof":false,"action":"deny","actor":"alice","bound":[],"created_at":"2025-06-01T12:00:00Z","expires_at":"2025-07-01T12:00:00Z","future":false,"id":"o1","justification":"because","project":"other","revoked_at":null,"revoked_by":"","sha256":null,"specifier":""}');
INSERT INTO "overrides" VALUES(2,'o2',NULL,1748779200000000,1751371200000000,1748779320000000,1,'{"above_proof":false,"action":"deny","actor":"alice","bound":[],"created_at":"2025-06-01T12:00:00Z","expires_at":"2025-07-01T12:00:00Z","future":false,"id":"o2","justification":"because","project":null,"revoked_at":"2025-06-01T12:02:00Z","revoked_by":"bob","sha256":"8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85","specifier":""}');
CREATE TABLE pages (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  content_type TEXT NOT NULL,
  etag TEXT NOT NULL,
  fetched_at INTEGER NOT NULL,
  max_age_s INTEGER NOT NULL,
  status INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (index_name, project)
) STRICT;
INSERT INTO "pages" VALUES('pypi','demo','text/html','"1"',1748779200000000,600,200,X'3C68746D6C3E');
CREATE TABLE project_memory (
  index_name TEXT NOT NULL,
  project TEXT NOT NULL,
  kind TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  value TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (index_name, project, kind, sha256)
) STRICT, WITHOUT ROWID;
INSERT INTO "project_memory" VALUES('pypi','demo','owners','8a16d69d233508f739f1f56adc2ceb31548ded6c7e6fb1cd56532f6fb44c6d85','["alice"]',1748779200000000,1748779200000000);
CREATE TABLE resolved_files (
  lease_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  url TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (lease_id, sha256)
) STRICT, WITHOUT ROWID;
INSERT INTO "resolved_files" VALUES('l2','8ce3e71ef8635d2bf27913bb680d7f88ad0238ea42c779c4b30f4e587d07da8e','https://up.test/x',7);
CREATE TABLE tokens (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;
INSERT INTO "tokens" VALUES(1,'t1','client','laptop','628b49d96dcde97a430dd4f597705899e09a968f793491e4b704cae33a40dc02',1748779200000000,NULL,NULL);
INSERT INTO "tokens" VALUES(2,'t2','worker','ghost','c44474038d459e40e4714afefa7bf8dae9f9834b22f5e8ec1dd434ecb62b512e',1748779200000000,NULL,NULL);
CREATE INDEX evidence_posts_of ON evidence_posts (sha256, filename, number);
CREATE INDEX evidence_posts_by_worker ON evidence_posts (worker, digest);
CREATE INDEX evidence_posts_by_digest ON evidence_posts (digest);
CREATE INDEX decisions_by_id ON decisions (id, number);
CREATE INDEX current_by_project ON current_decisions (project, number);
CREATE INDEX current_by_sha256 ON current_decisions (sha256);
CREATE INDEX current_by_policy ON current_decisions (policy_digest);
CREATE INDEX current_by_model ON current_decisions (model_digest) WHERE model_digest IS NOT NULL;
CREATE INDEX current_by_evidence ON current_decisions (evidence_digest);
CREATE INDEX current_by_expiry ON current_decisions (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX overrides_by_project ON overrides (project);
CREATE INDEX jobs_open ON jobs (priority, created_at, id) WHERE state <> 'decided';
CREATE INDEX jobs_queued ON jobs (priority, created_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_expires_at) WHERE state = 'leased';
CREATE INDEX jobs_observed ON jobs (priority, updated_at, id) WHERE state = 'observed';
CREATE UNIQUE INDEX jobs_by_lease ON jobs (lease_id) WHERE lease_id <> '';
CREATE INDEX jobs_by_sha256 ON jobs (sha256);
CREATE INDEX tokens_by_name ON tokens (name);
CREATE INDEX fetches_by_sha256 ON fetches (sha256, number);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END;
CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is immutable'); END;
CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is immutable'); END;
CREATE INDEX advisory_subjects_of ON advisory_subjects (feed, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',3);
INSERT INTO "sqlite_sequence" VALUES('evidence',2);
INSERT INTO "sqlite_sequence" VALUES('evidence_posts',2);
INSERT INTO "sqlite_sequence" VALUES('decisions',4);
INSERT INTO "sqlite_sequence" VALUES('changes',7);
INSERT INTO "sqlite_sequence" VALUES('audit',11);
INSERT INTO "sqlite_sequence" VALUES('overrides',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',2);
INSERT INTO "sqlite_sequence" VALUES('fetches',2);
INSERT INTO "sqlite_sequence" VALUES('advisory_changes',1);
COMMIT;
PRAGMA application_id = 1347567956;
PRAGMA user_version = 3;
