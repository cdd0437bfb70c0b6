BEGIN TRANSACTION;
CREATE TABLE advice (
	job_id VARCHAR(32) NOT NULL, 
	rule VARCHAR(32) NOT NULL, 
	metric VARCHAR(16) NOT NULL, 
	verdict VARCHAR(32) NOT NULL, 
	lr DOUBLE, 
	min_lr DOUBLE, 
	max_lr DOUBLE, 
	task VARCHAR(32) NOT NULL, 
	model VARCHAR NOT NULL, 
	data VARCHAR NOT NULL, 
	optimizer VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_advice PRIMARY KEY (job_id, rule), 
	CONSTRAINT fk_advice_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "advice" VALUES('62d5fa873f1c473c8bf95ee4a173b148','consensus','loss','suggestion',0.1,0.05,0.2,'77777777777777777777777777777777','digits_mlp','digits','adam');
CREATE TABLE checkpoints (
	checkpoint_id INTEGER NOT NULL, 
	pack_id VARCHAR(48), 
	trial INTEGER NOT NULL, 
	artifact VARCHAR(64) NOT NULL, 
	is_current BOOLEAN NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (checkpoint_id), 
	CONSTRAINT fk_checkpoints_pack_id_packs FOREIGN KEY(pack_id) REFERENCES packs (pack_id) ON DELETE SET NULL
);
INSERT INTO "checkpoints" VALUES(1,'9e866efc9d824bc4a6b59084d336e50c-0',1,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',1);
CREATE TABLE idempotency_keys (
	"key" VARCHAR(255) NOT NULL, 
	body_hash VARCHAR(64) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_idempotency_keys PRIMARY KEY ("key"), 
	CONSTRAINT fk_idempotency_keys_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "idempotency_keys" VALUES('stored','f70ec56618e0211af74a21ae3462f8b6c01696de9009d8d62c495232f86b04e7','62d5fa873f1c473c8bf95ee4a173b148','2026-11-25 14:49:19.299000');
CREATE TABLE job_events (
	event_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id VARCHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	data TEXT NOT NULL, 
	happened_at DATETIME NOT NULL, 
	CONSTRAINT fk_job_events_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "job_events" VALUES(1,'62d5fa873f1c473c8bf95ee4a173b148','status','{"status":"queued","from":null}','2026-11-25 14:49:19.285000');
INSERT INTO "job_events" VALUES(2,'62d5fa873f1c473c8bf95ee4a173b148','status','{"status":"running","from":"queued"}','2026-11-25 14:49:19.353000');
INSERT INTO "job_events" VALUES(3,'62d5fa873f1c473c8bf95ee4a173b148','trial','{"number":0,"status":"complete","seed":100,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}','2026-11-25 14:49:19.378000');
INSERT INTO "job_events" VALUES(4,'62d5fa873f1c473c8bf95ee4a173b148','trial','{"number":1,"status":"complete","seed":101,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}','2026-11-25 14:49:19.394000');
INSERT INTO "job_events" VALUES(5,'62d5fa873f1c473c8bf95ee4a173b148','status','{"status":"succeeded","from":"running"}','2026-11-25 14:49:19.427000');
INSERT INTO "job_events" VALUES(6,'52e9616f5e664bbfa0ded89056438b32','status','{"status":"queued","from":null}','2026-11-25 14:49:19.448000');
INSERT INTO "job_events" VALUES(7,'9e866efc9d824bc4a6b59084d336e50c','status','{"status":"queued","from":null}','2026-11-25 14:49:19.475000');
INSERT INTO "job_events" VALUES(8,'9e866efc9d824bc4a6b59084d336e50c','status','{"status":"running","from":"queued"}','2026-11-25 14:49:19.501000');
INSERT INTO "job_events" VALUES(9,'9e866efc9d824bc4a6b59084d336e50c','trial','{"number":0,"status":"complete","seed":100,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}','2026-11-25 14:49:19.514000');
INSERT INTO "job_events" VALUES(10,'48cdfcb61e21490496ab8a15321cf743','status','{"status":"queued","from":null}','2026-11-25 14:49:19.540000');
INSERT INTO "job_events" VALUES(11,'48cdfcb61e21490496ab8a15321cf743','status','{"status":"running","from":"queued"}','2026-11-25 14:49:19.579000');
INSERT INTO "job_events" VALUES(12,'48cdfcb61e21490496ab8a15321cf743','status','{"status":"failed","from":"running"}','2026-11-25 14:49:19.593000');
INSERT INTO "job_events" VALUES(13,'199543f2a0ae415e9e97df2810871138','status','{"status":"queued","from":null}','2026-11-25 14:49:19.612000');
INSERT INTO "job_events" VALUES(14,'199543f2a0ae415e9e97df2810871138','status','{"status":"cancelled","from":"queued"}','2026-11-25 14:49:19.638000');
CREATE TABLE job_labels (
	job_id VARCHAR(32) NOT NULL, 
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	CONSTRAINT pk_job_labels PRIMARY KEY (job_id, "key"), 
	CONSTRAINT fk_job_labels_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "job_labels" VALUES('62d5fa873f1c473c8bf95ee4a173b148','is','succeeded');
INSERT INTO "job_labels" VALUES('52e9616f5e664bbfa0ded89056438b32','is','queued');
INSERT INTO "job_labels" VALUES('9e866efc9d824bc4a6b59084d336e50c','is','running');
INSERT INTO "job_labels" VALUES('48cdfcb61e21490496ab8a15321cf743','is','failed');
INSERT INTO "job_labels" VALUES('199543f2a0ae415e9e97df2810871138','is','cancelled');
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
INSERT INTO "job_trials" VALUES('62d5fa873f1c473c8bf95ee4a173b148',0,'62d5fa873f1c473c8bf95ee4a173b148-0',1,'complete',100,'{"lr":0.1}','completed',NULL,'{"test_loss":0.25}','{"engine":"none"}','2026-11-25 14:49:19.377000',X'4C5241311B0000005B5B226C7273222C20325D2C205B226C6F73736573222C20325D5D78019B35130476DA3380C10734FA813D00A59F080D');
INSERT INTO "job_trials" VALUES('62d5fa873f1c473c8bf95ee4a173b148',1,'62d5fa873f1c473c8bf95ee4a173b148-0',1,'complete',101,'{"lr":0.1}','completed',NULL,'{"test_loss":0.25}','{"engine":"none"}','2026-11-25 14:49:19.393000',X'4C5241311B0000005B5B226C7273222C20325D2C205B226C6F73736573222C20325D5D78019B35130476DA3380C10734FA813D00A59F080D');
INSERT INTO "job_trials" VALUES('9e866efc9d824bc4a6b59084d336e50c',0,'9e866efc9d824bc4a6b59084d336e50c-0',1,'complete',100,'{"lr":0.1}','completed',NULL,'{"test_loss":0.25}','{"engine":"none"}','2026-11-25 14:49:19.512000',X'4C5241311B0000005B5B226C7273222C20335D2C205B226C6F73736573222C20335D5D78019B35130476DACF02D30FED19C0E00394667080F07FD443C5EB01ABF80D9C');
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
INSERT INTO "jobs" VALUES(1,'62d5fa873f1c473c8bf95ee4a173b148','tiny','succeeded',5,'{"schema":1,"kind":"tiny","labels":{"is":"succeeded"},"trials":2}','{"kind":"tiny","numbers":[0,1],"loss":NaN}',NULL,3600.0,NULL,NULL,'2026-11-25 14:49:19.284000','2026-11-25 14:49:19.342000','2026-11-25 14:49:19.416000','2026-11-25 14:49:19.399000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'52e9616f5e664bbfa0ded89056438b32','tiny','queued',1,'{"schema":1,"kind":"tiny","labels":{"is":"queued"},"trials":3}',NULL,NULL,3600.0,NULL,NULL,'2026-11-25 14:49:19.447000',NULL,NULL,'2026-11-25 14:49:19.447000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(3,'9e866efc9d824bc4a6b59084d336e50c','tiny','running',4,'{"schema":1,"kind":"tiny","labels":{"is":"running"},"trials":2}',NULL,NULL,3600.0,NULL,NULL,'2026-11-25 14:49:19.462000','2026-11-25 14:49:19.500000',NULL,'2026-11-25 14:49:19.528000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(4,'48cdfcb61e21490496ab8a15321cf743','tiny','failed',3,'{"schema":1,"kind":"tiny","labels":{"is":"failed"}}',NULL,'{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","attempts":[{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","pack_id":"48cdfcb61e21490496ab8a15321cf743-0","attempt":1,"worker_id":"w1"}]}',3600.0,NULL,NULL,'2026-11-25 14:49:19.539000','2026-11-25 14:49:19.578000','2026-11-25 14:49:19.591000','2026-11-25 14:49:19.580000',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(5,'199543f2a0ae415e9e97df2810871138','tiny','cancelled',2,'{"schema":1,"kind":"tiny","labels":{"is":"cancelled"}}',NULL,NULL,3600.0,NULL,'2026-11-25 14:49:19.620000','2026-11-25 14:49:19.611000',NULL,'2026-11-25 14:49:19.637000','2026-11-25 14:49:19.619000',NULL,NULL,NULL,NULL);
CREATE TABLE lrsearch_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT lrsearch_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "lrsearch_alembic_version" VALUES('20261125_outcomes');
CREATE TABLE outcomes (
	job_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	task VARCHAR(32) NOT NULL, 
	yardstick VARCHAR(32) NOT NULL, 
	shape VARCHAR(32) NOT NULL, 
	updates INTEGER NOT NULL, 
	lr DOUBLE NOT NULL, 
	loss DOUBLE, 
	first_loss DOUBLE, 
	seed INTEGER NOT NULL, 
	CONSTRAINT pk_outcomes PRIMARY KEY (job_id, number), 
	CONSTRAINT fk_outcomes_job_id_jobs FOREIGN KEY(job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
INSERT INTO "outcomes" VALUES('9e866efc9d824bc4a6b59084d336e50c',0,'77777777777777777777777777777777','val_loss 0.2','constant',180,0.1,NULL,2.3,100);
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
INSERT INTO "packs" VALUES('62d5fa873f1c473c8bf95ee4a173b148-0','62d5fa873f1c473c8bf95ee4a173b148',0,'succeeded','[0,1]',1,0,1,'[]',NULL,NULL,NULL,NULL,0,0.0,20.0,20.0);
INSERT INTO "packs" VALUES('52e9616f5e664bbfa0ded89056438b32-0','52e9616f5e664bbfa0ded89056438b32',0,'queued','[0,1,2]',0,0,0,'[]',NULL,NULL,NULL,NULL,0,0.0,0.0,30.0);
INSERT INTO "packs" VALUES('9e866efc9d824bc4a6b59084d336e50c-0','9e866efc9d824bc4a6b59084d336e50c',0,'running','[0,1]',1,0,1,'[]','36c22309341e4c48bf8f68a9a5e877f4','w1','2026-11-25 14:49:18.499000',NULL,0,0.0,0.0,20.0);
INSERT INTO "packs" VALUES('48cdfcb61e21490496ab8a15321cf743-0','48cdfcb61e21490496ab8a15321cf743',0,'failed','[0]',1,0,0,'[{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","pack_id":"48cdfcb61e21490496ab8a15321cf743-0","attempt":1,"worker_id":"w1"}]',NULL,NULL,NULL,NULL,0,0.0,0.0,10.0);
INSERT INTO "packs" VALUES('199543f2a0ae415e9e97df2810871138-0','199543f2a0ae415e9e97df2810871138',0,'cancelled','[0]',0,0,0,'[]',NULL,NULL,NULL,NULL,0,0.0,0.0,10.0);
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
INSERT INTO "workers" VALUES('w1','host',4711,'cpu','busy',NULL,'2026-11-25 14:49:19.272000','2026-11-25 14:49:19.272000');
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
CREATE INDEX ix_outcomes_task ON outcomes (task);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',5);
INSERT INTO "sqlite_sequence" VALUES('job_events',14);
COMMIT;
