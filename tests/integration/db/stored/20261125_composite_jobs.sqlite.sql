BEGIN TRANSACTION;
CREATE TABLE checkpoints (
	checkpoint_id INTEGER NOT NULL, 
	pack_id VARCHAR(48), 
	trial INTEGER NOT NULL, 
	artifact VARCHAR(64) NOT NULL, 
	is_current BOOLEAN NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (checkpoint_id), 
	CONSTRAINT fk_checkpoints_pack_id_packs FOREIGN KEY(pack_id) REFERENCES packs (pack_id) ON DELETE SET NULL
);
INSERT INTO "checkpoints" VALUES(1,'fdf9fe1a0db24650abe35190f24f58a9-0',1,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',1);
CREATE TABLE idempotency_keys (
	"key" VARCHAR(255) NOT NULL, 
	body_hash VARCHAR(64) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_idempotency_keys PRIMARY KEY ("key"), 
	CONSTRAINT fk_idempotency_keys_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "idempotency_keys" VALUES('stored','f70ec56618e0211af74a21ae3462f8b6c01696de9009d8d62c495232f86b04e7','b7e0117940734718bf8f05c9195528a4','2026-11-25 11:11:29.463000');
CREATE TABLE job_events (
	event_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id VARCHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	data TEXT NOT NULL, 
	happened_at DATETIME NOT NULL, 
	CONSTRAINT fk_job_events_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "job_events" VALUES(1,'b7e0117940734718bf8f05c9195528a4','status','{"status":"queued","from":null}','2026-11-25 11:11:29.442000');
INSERT INTO "job_events" VALUES(2,'b7e0117940734718bf8f05c9195528a4','status','{"status":"running","from":"queued"}','2026-11-25 11:11:29.573000');
INSERT INTO "job_events" VALUES(3,'b7e0117940734718bf8f05c9195528a4','trial','{"number":0,"status":"complete","seed":100,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}','2026-11-25 11:11:29.602000');
INSERT INTO "job_events" VALUES(4,'b7e0117940734718bf8f05c9195528a4','trial','{"number":1,"status":"complete","seed":101,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}','2026-11-25 11:11:29.615000');
INSERT INTO "job_events" VALUES(5,'b7e0117940734718bf8f05c9195528a4','status','{"status":"succeeded","from":"running"}','2026-11-25 11:11:29.664000');
INSERT INTO "job_events" VALUES(6,'6d2821e13f7e433bb3bcdf3682b2d549','status','{"status":"queued","from":null}','2026-11-25 11:11:29.688000');
INSERT INTO "job_events" VALUES(7,'fdf9fe1a0db24650abe35190f24f58a9','status','{"status":"queued","from":null}','2026-11-25 11:11:29.696000');
INSERT INTO "job_events" VALUES(8,'fdf9fe1a0db24650abe35190f24f58a9','status','{"status":"running","from":"queued"}','2026-11-25 11:11:29.714000');
INSERT INTO "job_events" VALUES(9,'fdf9fe1a0db24650abe35190f24f58a9','trial','{"number":0,"status":"complete","seed":100,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}','2026-11-25 11:11:29.720000');
INSERT INTO "job_events" VALUES(10,'0c002ef0d93849fcae240bf8f5362272','status','{"status":"queued","from":null}','2026-11-25 11:11:29.741000');
INSERT INTO "job_events" VALUES(11,'0c002ef0d93849fcae240bf8f5362272','status','{"status":"running","from":"queued"}','2026-11-25 11:11:29.757000');
INSERT INTO "job_events" VALUES(12,'0c002ef0d93849fcae240bf8f5362272','status','{"status":"failed","from":"running"}','2026-11-25 11:11:29.792000');
INSERT INTO "job_events" VALUES(13,'b07d619397404d4ea0ee0096a0e7afc9','status','{"status":"queued","from":null}','2026-11-25 11:11:29.794000');
INSERT INTO "job_events" VALUES(14,'b07d619397404d4ea0ee0096a0e7afc9','status','{"status":"cancelled","from":"queued"}','2026-11-25 11:11:29.826000');
CREATE TABLE job_labels (
	job_id VARCHAR(32) NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	CONSTRAINT pk_job_labels PRIMARY KEY (job_id, "key"), 
	CONSTRAINT fk_job_labels_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "job_labels" VALUES('b7e0117940734718bf8f05c9195528a4','is','succeeded');
INSERT INTO "job_labels" VALUES('6d2821e13f7e433bb3bcdf3682b2d549','is','queued');
INSERT INTO "job_labels" VALUES('fdf9fe1a0db24650abe35190f24f58a9','is','running');
INSERT INTO "job_labels" VALUES('0c002ef0d93849fcae240bf8f5362272','is','failed');
INSERT INTO "job_labels" VALUES('b07d619397404d4ea0ee0096a0e7afc9','is','cancelled');
CREATE TABLE job_trials (
	job_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	pack_id VARCHAR(48) NOT NULL, 
	attempt INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	seed INTEGER NOT NULL, 
	setting TEXT NOT NULL, 
	stop_reason VARCHAR(32) NOT NULL, 
	stopped_at INTEGER, 
	metrics TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	arrays BLOB NOT NULL, 
	CONSTRAINT pk_job_trials PRIMARY KEY (job_id, number), 
	CONSTRAINT ck_job_trials_status_known CHECK (status IN ('complete', 'diverged', 'pruned', 'cancelled', 'failed')), 
	CONSTRAINT fk_job_trials_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "job_trials" VALUES('b7e0117940734718bf8f05c9195528a4',0,'b7e0117940734718bf8f05c9195528a4-0',1,'complete',100,'{"lr":0.1}','completed',NULL,'{"test_loss":0.25}','{"engine":"none"}','2026-11-25 11:11:29.601000',X'4C5241311B0000005B5B226C7273222C20325D2C205B226C6F73736573222C20325D5D78019B35130476DA3380C10734FA813D00A59F080D');
INSERT INTO "job_trials" VALUES('b7e0117940734718bf8f05c9195528a4',1,'b7e0117940734718bf8f05c9195528a4-0',1,'complete',101,'{"lr":0.1}','completed',NULL,'{"test_loss":0.25}','{"engine":"none"}','2026-11-25 11:11:29.615000',X'4C5241311B0000005B5B226C7273222C20325D2C205B226C6F73736573222C20325D5D78019B35130476DA3380C10734FA813D00A59F080D');
INSERT INTO "job_trials" VALUES('fdf9fe1a0db24650abe35190f24f58a9',0,'fdf9fe1a0db24650abe35190f24f58a9-0',1,'complete',100,'{"lr":0.1}','completed',NULL,'{"test_loss":0.25}','{"engine":"none"}','2026-11-25 11:11:29.720000',X'4C5241311B0000005B5B226C7273222C20335D2C205B226C6F73736573222C20335D5D78019B35130476DACF02D30FED19C0E00394667080F07FD443C5EB01ABF80D9C');
CREATE TABLE jobs (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	version INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	result TEXT, 
	error TEXT, 
	wall_seconds DOUBLE NOT NULL, 
	rerun_of VARCHAR(32), 
	cancel_requested_at DATETIME, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	updated_at DATETIME NOT NULL, parent_id VARCHAR(32), stage VARCHAR(64), stages_begun INTEGER, updates_to_come DOUBLE, 
	CONSTRAINT ck_jobs_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')), 
	CONSTRAINT uq_jobs_job_id UNIQUE (job_id)
);
INSERT INTO "jobs" VALUES(1,'b7e0117940734718bf8f05c9195528a4','tiny','succeeded',5,'{"schema":1,"kind":"tiny","labels":{"is":"succeeded"},"trials":2}','{"kind":"tiny","numbers":[0,1],"loss":NaN}',NULL,3600.0,NULL,NULL,'2026-11-25 11:11:29.440000','2026-11-25 11:11:29.562000','2026-11-25 11:11:29.662000','2026-11-25 11:11:29.616000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'6d2821e13f7e433bb3bcdf3682b2d549','tiny','queued',1,'{"schema":1,"kind":"tiny","labels":{"is":"queued"},"trials":3}',NULL,NULL,3600.0,NULL,NULL,'2026-11-25 11:11:29.687000',NULL,NULL,'2026-11-25 11:11:29.687000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(3,'fdf9fe1a0db24650abe35190f24f58a9','tiny','running',4,'{"schema":1,"kind":"tiny","labels":{"is":"running"},"trials":2}',NULL,NULL,3600.0,NULL,NULL,'2026-11-25 11:11:29.695000','2026-11-25 11:11:29.713000',NULL,'2026-11-25 11:11:29.721000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(4,'0c002ef0d93849fcae240bf8f5362272','tiny','failed',3,'{"schema":1,"kind":"tiny","labels":{"is":"failed"}}',NULL,'{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","attempts":[{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","pack_id":"0c002ef0d93849fcae240bf8f5362272-0","attempt":1,"worker_id":"w1"}]}',3600.0,NULL,NULL,'2026-11-25 11:11:29.740000','2026-11-25 11:11:29.756000','2026-11-25 11:11:29.770000','2026-11-25 11:11:29.758000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(5,'b07d619397404d4ea0ee0096a0e7afc9','tiny','cancelled',2,'{"schema":1,"kind":"tiny","labels":{"is":"cancelled"}}',NULL,NULL,3600.0,NULL,'2026-11-25 11:11:29.808000','2026-11-25 11:11:29.793000',NULL,'2026-11-25 11:11:29.825000','2026-11-25 11:11:29.808000',NULL,NULL,NULL,NULL);
CREATE TABLE lrsearch_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT lrsearch_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "lrsearch_alembic_version" VALUES('20261125_composite_jobs');
CREATE TABLE packs (
	pack_id VARCHAR(48) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	trials TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	stale_attempts INTEGER NOT NULL, 
	has_progressed BOOLEAN NOT NULL, 
	errors TEXT NOT NULL, 
	token VARCHAR(32), 
	worker_id VARCHAR(128), 
	lease_until DATETIME, 
	sent_at DATETIME, 
	sends INTEGER NOT NULL, 
	progress_base DOUBLE NOT NULL, 
	progress_done DOUBLE NOT NULL, 
	progress_total DOUBLE NOT NULL, 
	CONSTRAINT pk_packs PRIMARY KEY (pack_id), 
	CONSTRAINT ck_packs_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')), 
	CONSTRAINT fk_packs_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE, 
	CONSTRAINT uq_packs_job_id_number UNIQUE (job_id, number)
);
INSERT INTO "packs" VALUES('b7e0117940734718bf8f05c9195528a4-0','b7e0117940734718bf8f05c9195528a4',0,'succeeded','[0,1]',1,0,1,'[]',NULL,NULL,NULL,NULL,0,0.0,20.0,20.0);
INSERT INTO "packs" VALUES('6d2821e13f7e433bb3bcdf3682b2d549-0','6d2821e13f7e433bb3bcdf3682b2d549',0,'queued','[0,1,2]',0,0,0,'[]',NULL,NULL,NULL,NULL,0,0.0,0.0,30.0);
INSERT INTO "packs" VALUES('fdf9fe1a0db24650abe35190f24f58a9-0','fdf9fe1a0db24650abe35190f24f58a9',0,'running','[0,1]',1,0,1,'[]','c3d0eae3674e4fdd85353bc968134245','w1','2026-11-25 11:11:28.713000',NULL,0,0.0,0.0,20.0);
INSERT INTO "packs" VALUES('0c002ef0d93849fcae240bf8f5362272-0','0c002ef0d93849fcae240bf8f5362272',0,'failed','[0]',1,0,0,'[{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","pack_id":"0c002ef0d93849fcae240bf8f5362272-0","attempt":1,"worker_id":"w1"}]',NULL,NULL,NULL,NULL,0,0.0,0.0,10.0);
INSERT INTO "packs" VALUES('b07d619397404d4ea0ee0096a0e7afc9-0','b07d619397404d4ea0ee0096a0e7afc9',0,'cancelled','[0]',0,0,0,'[]',NULL,NULL,NULL,NULL,0,0.0,0.0,10.0);
CREATE TABLE workers (
	worker_id VARCHAR(128) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	device VARCHAR(255) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	pack_id VARCHAR(48), 
	started_at DATETIME NOT NULL, 
	last_seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (worker_id)
);
INSERT INTO "workers" VALUES('w1','host',4711,'cpu','busy',NULL,'2026-11-25 11:11:29.421000','2026-11-25 11:11:29.421000');
CREATE INDEX ix_jobs_created_at ON jobs (created_at);
CREATE INDEX ix_jobs_kind_seq ON jobs (kind, seq);
CREATE INDEX ix_jobs_status_seq ON jobs (status, seq);
CREATE INDEX ix_idempotency_keys_job_id ON idempotency_keys (job_id);
CREATE INDEX ix_job_events_job_id_event_id ON job_events (job_id, event_id);
CREATE INDEX ix_job_labels_key_value ON job_labels ("key", value);
CREATE INDEX ix_packs_status_lease_until ON packs (status, lease_until);
CREATE INDEX ix_packs_status_sent_at ON packs (status, sent_at);
CREATE INDEX ix_checkpoints_artifact ON checkpoints (artifact);
CREATE INDEX ix_checkpoints_pack_id ON checkpoints (pack_id);
CREATE INDEX ix_jobs_parent_id_seq ON jobs (parent_id, seq);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',5);
INSERT INTO "sqlite_sequence" VALUES('job_events',14);
COMMIT;
