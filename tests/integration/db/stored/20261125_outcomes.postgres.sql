CREATE TABLE public.advice (
    job_id character varying(32) NOT NULL,
    rule character varying(32) NOT NULL,
    metric character varying(16) NOT NULL,
    verdict character varying(32) NOT NULL,
    lr double precision,
    min_lr double precision,
    max_lr double precision,
    task character varying(32) NOT NULL,
    model character varying NOT NULL,
    data character varying NOT NULL,
    optimizer character varying(64) NOT NULL
);
CREATE TABLE public.checkpoints (
    checkpoint_id bigint NOT NULL,
    pack_id character varying(48),
    trial integer NOT NULL,
    artifact character varying(64) NOT NULL,
    is_current boolean NOT NULL
);
CREATE SEQUENCE public.checkpoints_checkpoint_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.checkpoints_checkpoint_id_seq OWNED BY public.checkpoints.checkpoint_id;
CREATE TABLE public.idempotency_keys (
    key character varying(255) NOT NULL,
    body_hash character varying(64) NOT NULL,
    job_id character varying(32) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.job_events (
    event_id bigint NOT NULL,
    job_id character varying(32) NOT NULL,
    kind character varying(16) NOT NULL,
    data text NOT NULL,
    happened_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.job_events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_events_event_id_seq OWNED BY public.job_events.event_id;
CREATE TABLE public.job_labels (
    job_id character varying(32) NOT NULL,
    key character varying NOT NULL,
    value character varying NOT NULL
);
CREATE TABLE public.job_trials (
    job_id character varying(32) NOT NULL,
    number integer NOT NULL,
    pack_id character varying(48) NOT NULL,
    attempt integer NOT NULL,
    status character varying(16) NOT NULL,
    seed integer NOT NULL,
    setting text NOT NULL,
    stop_reason character varying(32) NOT NULL,
    stopped_at integer,
    metrics text NOT NULL,
    facts text NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    arrays bytea NOT NULL,
    CONSTRAINT ck_job_trials_status_known CHECK (((status)::text = ANY ((ARRAY['complete'::character varying, 'diverged'::character varying, 'pruned'::character varying, 'cancelled'::character varying, 'failed'::character varying])::text[])))
);
CREATE TABLE public.jobs (
    seq bigint NOT NULL,
    job_id character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    status character varying(16) NOT NULL,
    version integer NOT NULL,
    document text NOT NULL,
    result text,
    error text,
    wall_seconds double precision NOT NULL,
    rerun_of character varying(32),
    cancel_requested_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    parent_id character varying(32),
    stage character varying(64),
    stages_begun integer,
    updates_to_come double precision,
    CONSTRAINT ck_jobs_status_known CHECK (((status)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying, 'succeeded'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
);
CREATE SEQUENCE public.jobs_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.jobs_seq_seq OWNED BY public.jobs.seq;
CREATE TABLE public.lrsearch_alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.outcomes (
    job_id character varying(32) NOT NULL,
    number integer NOT NULL,
    task character varying(32) NOT NULL,
    yardstick character varying(32) NOT NULL,
    shape character varying(32) NOT NULL,
    updates integer NOT NULL,
    lr double precision NOT NULL,
    loss double precision,
    first_loss double precision,
    seed integer NOT NULL
);
CREATE TABLE public.packs (
    pack_id character varying(48) NOT NULL,
    job_id character varying(32) NOT NULL,
    number integer NOT NULL,
    status character varying(16) NOT NULL,
    trials text NOT NULL,
    attempt integer NOT NULL,
    stale_attempts integer NOT NULL,
    has_progressed boolean NOT NULL,
    errors text NOT NULL,
    token character varying(32),
    worker_id character varying(128),
    lease_until timestamp with time zone,
    sent_at timestamp with time zone,
    sends integer NOT NULL,
    progress_base double precision NOT NULL,
    progress_done double precision NOT NULL,
    progress_total double precision NOT NULL,
    CONSTRAINT ck_packs_status_known CHECK (((status)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying, 'succeeded'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
);
CREATE TABLE public.workers (
    worker_id character varying(128) NOT NULL,
    host character varying(255) NOT NULL,
    pid integer NOT NULL,
    device character varying(255) NOT NULL,
    state character varying(16) NOT NULL,
    pack_id character varying(48),
    started_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.checkpoints ALTER COLUMN checkpoint_id SET DEFAULT nextval('public.checkpoints_checkpoint_id_seq'::regclass);
ALTER TABLE ONLY public.job_events ALTER COLUMN event_id SET DEFAULT nextval('public.job_events_event_id_seq'::regclass);
ALTER TABLE ONLY public.jobs ALTER COLUMN seq SET DEFAULT nextval('public.jobs_seq_seq'::regclass);
INSERT INTO public.advice VALUES ('efb88ce9721f47478698ee0ee52c6564', 'consensus', 'loss', 'suggestion', 0.1, 0.05, 0.2, '77777777777777777777777777777777', 'digits_mlp', 'digits', 'adam');
INSERT INTO public.checkpoints VALUES (1, 'ae4737bd043341869290ececce71a26b-0', 1, 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', true);
INSERT INTO public.idempotency_keys VALUES ('stored', 'f70ec56618e0211af74a21ae3462f8b6c01696de9009d8d62c495232f86b04e7', 'efb88ce9721f47478698ee0ee52c6564', '2026-11-25 14:49:23.348033+00');
INSERT INTO public.job_events VALUES (1, 'efb88ce9721f47478698ee0ee52c6564', 'status', '{"status":"queued","from":null}', '2026-11-25 14:49:23.318996+00');
INSERT INTO public.job_events VALUES (2, 'efb88ce9721f47478698ee0ee52c6564', 'status', '{"status":"running","from":"queued"}', '2026-11-25 14:49:23.428721+00');
INSERT INTO public.job_events VALUES (3, 'efb88ce9721f47478698ee0ee52c6564', 'trial', '{"number":0,"status":"complete","seed":100,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}', '2026-11-25 14:49:23.473708+00');
INSERT INTO public.job_events VALUES (4, 'efb88ce9721f47478698ee0ee52c6564', 'trial', '{"number":1,"status":"complete","seed":101,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}', '2026-11-25 14:49:23.495966+00');
INSERT INTO public.job_events VALUES (5, 'efb88ce9721f47478698ee0ee52c6564', 'status', '{"status":"succeeded","from":"running"}', '2026-11-25 14:49:23.559008+00');
INSERT INTO public.job_events VALUES (6, '7ab2cabfff474daeb44f58848b59b750', 'status', '{"status":"queued","from":null}', '2026-11-25 14:49:23.612392+00');
INSERT INTO public.job_events VALUES (7, 'ae4737bd043341869290ececce71a26b', 'status', '{"status":"queued","from":null}', '2026-11-25 14:49:23.679879+00');
INSERT INTO public.job_events VALUES (8, 'ae4737bd043341869290ececce71a26b', 'status', '{"status":"running","from":"queued"}', '2026-11-25 14:49:23.747741+00');
INSERT INTO public.job_events VALUES (9, 'ae4737bd043341869290ececce71a26b', 'trial', '{"number":0,"status":"complete","seed":100,"stop_reason":"completed","stopped_at":null,"metrics":{"test_loss":0.25}}', '2026-11-25 14:49:23.794514+00');
INSERT INTO public.job_events VALUES (10, 'b261135cf7cf458598291f5e14530413', 'status', '{"status":"queued","from":null}', '2026-11-25 14:49:23.843759+00');
INSERT INTO public.job_events VALUES (11, 'b261135cf7cf458598291f5e14530413', 'status', '{"status":"running","from":"queued"}', '2026-11-25 14:49:23.896281+00');
INSERT INTO public.job_events VALUES (12, 'b261135cf7cf458598291f5e14530413', 'status', '{"status":"failed","from":"running"}', '2026-11-25 14:49:23.971019+00');
INSERT INTO public.job_events VALUES (13, '3d31592770384bffaa3cf8d202e3fe59', 'status', '{"status":"queued","from":null}', '2026-11-25 14:49:23.98189+00');
INSERT INTO public.job_events VALUES (14, '3d31592770384bffaa3cf8d202e3fe59', 'status', '{"status":"cancelled","from":"queued"}', '2026-11-25 14:49:24.082618+00');
INSERT INTO public.job_labels VALUES ('efb88ce9721f47478698ee0ee52c6564', 'is', 'succeeded');
INSERT INTO public.job_labels VALUES ('7ab2cabfff474daeb44f58848b59b750', 'is', 'queued');
INSERT INTO public.job_labels VALUES ('ae4737bd043341869290ececce71a26b', 'is', 'running');
INSERT INTO public.job_labels VALUES ('b261135cf7cf458598291f5e14530413', 'is', 'failed');
INSERT INTO public.job_labels VALUES ('3d31592770384bffaa3cf8d202e3fe59', 'is', 'cancelled');
INSERT INTO public.job_trials VALUES ('efb88ce9721f47478698ee0ee52c6564', 0, 'efb88ce9721f47478698ee0ee52c6564-0', 1, 'complete', 100, '{"lr":0.1}', 'completed', NULL, '{"test_loss":0.25}', '{"engine":"none"}', '2026-11-25 14:49:23.458228+00', '\x4c5241311b0000005b5b226c7273222c20325d2c205b226c6f73736573222c20325d5d78019b35130476da3380c10734fa813d00a59f080d');
INSERT INTO public.job_trials VALUES ('efb88ce9721f47478698ee0ee52c6564', 1, 'efb88ce9721f47478698ee0ee52c6564-0', 1, 'complete', 101, '{"lr":0.1}', 'completed', NULL, '{"test_loss":0.25}', '{"engine":"none"}', '2026-11-25 14:49:23.486435+00', '\x4c5241311b0000005b5b226c7273222c20325d2c205b226c6f73736573222c20325d5d78019b35130476da3380c10734fa813d00a59f080d');
INSERT INTO public.job_trials VALUES ('ae4737bd043341869290ececce71a26b', 0, 'ae4737bd043341869290ececce71a26b-0', 1, 'complete', 100, '{"lr":0.1}', 'completed', NULL, '{"test_loss":0.25}', '{"engine":"none"}', '2026-11-25 14:49:23.783017+00', '\x4c5241311b0000005b5b226c7273222c20335d2c205b226c6f73736573222c20335d5d78019b35130476dacf02d30fed19c0e00394667080f07fd443c5eb01abf80d9c');
INSERT INTO public.jobs VALUES (1, 'efb88ce9721f47478698ee0ee52c6564', 'tiny', 'succeeded', 5, '{"schema":1,"kind":"tiny","labels":{"is":"succeeded"},"trials":2}', '{"kind":"tiny","numbers":[0,1],"loss":NaN}', NULL, 3600, NULL, NULL, '2026-11-25 14:49:23.315578+00', '2026-11-25 14:49:23.416029+00', '2026-11-25 14:49:23.54105+00', '2026-11-25 14:49:23.500329+00', NULL, NULL, NULL, NULL);
INSERT INTO public.jobs VALUES (2, '7ab2cabfff474daeb44f58848b59b750', 'tiny', 'queued', 1, '{"schema":1,"kind":"tiny","labels":{"is":"queued"},"trials":3}', NULL, NULL, 3600, NULL, NULL, '2026-11-25 14:49:23.602225+00', NULL, NULL, '2026-11-25 14:49:23.602226+00', NULL, NULL, NULL, NULL);
INSERT INTO public.jobs VALUES (3, 'ae4737bd043341869290ececce71a26b', 'tiny', 'running', 4, '{"schema":1,"kind":"tiny","labels":{"is":"running"},"trials":2}', NULL, NULL, 3600, NULL, NULL, '2026-11-25 14:49:23.667303+00', '2026-11-25 14:49:23.743892+00', NULL, '2026-11-25 14:49:23.811055+00', NULL, NULL, NULL, NULL);
INSERT INTO public.jobs VALUES (4, 'b261135cf7cf458598291f5e14530413', 'tiny', 'failed', 3, '{"schema":1,"kind":"tiny","labels":{"is":"failed"}}', NULL, '{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","attempts":[{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","pack_id":"b261135cf7cf458598291f5e14530413-0","attempt":1,"worker_id":"w1"}]}', 3600, NULL, NULL, '2026-11-25 14:49:23.828883+00', '2026-11-25 14:49:23.892755+00', '2026-11-25 14:49:23.946142+00', '2026-11-25 14:49:23.911182+00', NULL, NULL, NULL, NULL);
INSERT INTO public.jobs VALUES (5, '3d31592770384bffaa3cf8d202e3fe59', 'tiny', 'cancelled', 2, '{"schema":1,"kind":"tiny","labels":{"is":"cancelled"}}', NULL, NULL, 3600, NULL, '2026-11-25 14:49:24.034872+00', '2026-11-25 14:49:23.979862+00', NULL, '2026-11-25 14:49:24.075083+00', '2026-11-25 14:49:24.033749+00', NULL, NULL, NULL, NULL);
INSERT INTO public.lrsearch_alembic_version VALUES ('20261125_outcomes');
INSERT INTO public.outcomes VALUES ('ae4737bd043341869290ececce71a26b', 0, '77777777777777777777777777777777', 'val_loss 0.2', 'constant', 180, 0.1, NULL, 2.3, 100);
INSERT INTO public.packs VALUES ('efb88ce9721f47478698ee0ee52c6564-0', 'efb88ce9721f47478698ee0ee52c6564', 0, 'succeeded', '[0,1]', 1, 0, true, '[]', NULL, NULL, NULL, NULL, 0, 0, 20, 20);
INSERT INTO public.packs VALUES ('7ab2cabfff474daeb44f58848b59b750-0', '7ab2cabfff474daeb44f58848b59b750', 0, 'queued', '[0,1,2]', 0, 0, false, '[]', NULL, NULL, NULL, NULL, 0, 0, 0, 30);
INSERT INTO public.packs VALUES ('ae4737bd043341869290ececce71a26b-0', 'ae4737bd043341869290ececce71a26b', 0, 'running', '[0,1]', 1, 0, true, '[]', '93185c489e9449ca9c248498f2c36756', 'w1', '2026-11-25 14:49:22.735077+00', NULL, 0, 0, 0, 20);
INSERT INTO public.packs VALUES ('b261135cf7cf458598291f5e14530413-0', 'b261135cf7cf458598291f5e14530413', 0, 'failed', '[0]', 1, 0, false, '[{"type":"data_unavailable","message":"no data","traceback":"Traceback ...","pack_id":"b261135cf7cf458598291f5e14530413-0","attempt":1,"worker_id":"w1"}]', NULL, NULL, NULL, NULL, 0, 0, 0, 10);
INSERT INTO public.packs VALUES ('3d31592770384bffaa3cf8d202e3fe59-0', '3d31592770384bffaa3cf8d202e3fe59', 0, 'cancelled', '[0]', 0, 0, false, '[]', NULL, NULL, NULL, NULL, 0, 0, 0, 10);
INSERT INTO public.workers VALUES ('w1', 'host', 4711, 'cpu', 'busy', NULL, '2026-11-25 14:49:23.282912+00', '2026-11-25 14:49:23.282912+00');
SELECT pg_catalog.setval('public.checkpoints_checkpoint_id_seq', 1, true);
SELECT pg_catalog.setval('public.job_events_event_id_seq', 14, true);
SELECT pg_catalog.setval('public.jobs_seq_seq', 5, true);
ALTER TABLE ONLY public.lrsearch_alembic_version
    ADD CONSTRAINT lrsearch_alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.advice
    ADD CONSTRAINT pk_advice PRIMARY KEY (job_id, rule);
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT pk_checkpoints PRIMARY KEY (checkpoint_id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (key);
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT pk_job_events PRIMARY KEY (event_id);
ALTER TABLE ONLY public.job_labels
    ADD CONSTRAINT pk_job_labels PRIMARY KEY (job_id, key);
ALTER TABLE ONLY public.job_trials
    ADD CONSTRAINT pk_job_trials PRIMARY KEY (job_id, number);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (seq);
ALTER TABLE ONLY public.outcomes
    ADD CONSTRAINT pk_outcomes PRIMARY KEY (job_id, number);
ALTER TABLE ONLY public.packs
    ADD CONSTRAINT pk_packs PRIMARY KEY (pack_id);
ALTER TABLE ONLY public.workers
    ADD CONSTRAINT pk_workers PRIMARY KEY (worker_id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT uq_jobs_job_id UNIQUE (job_id);
ALTER TABLE ONLY public.packs
    ADD CONSTRAINT uq_packs_job_id_number UNIQUE (job_id, number);
CREATE INDEX ix_checkpoints_artifact ON public.checkpoints USING btree (artifact);
CREATE INDEX ix_checkpoints_pack_id ON public.checkpoints USING btree (pack_id);
CREATE INDEX ix_idempotency_keys_job_id ON public.idempotency_keys USING btree (job_id);
CREATE INDEX ix_job_events_job_id_event_id ON public.job_events USING btree (job_id, event_id);
CREATE INDEX ix_job_labels_key_value ON public.job_labels USING btree (key, value);
CREATE INDEX ix_jobs_created_at ON public.jobs USING btree (created_at);
CREATE INDEX ix_jobs_kind_seq ON public.jobs USING btree (kind, seq);
CREATE INDEX ix_jobs_parent_id_seq ON public.jobs USING btree (parent_id, seq);
CREATE INDEX ix_jobs_status_seq ON public.jobs USING btree (status, seq);
CREATE INDEX ix_outcomes_task ON public.outcomes USING btree (task);
CREATE INDEX ix_packs_status_lease_until ON public.packs USING btree (status, lease_until);
CREATE INDEX ix_packs_status_sent_at ON public.packs USING btree (status, sent_at);
ALTER TABLE ONLY public.advice
    ADD CONSTRAINT fk_advice_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT fk_checkpoints_pack_id_packs FOREIGN KEY (pack_id) REFERENCES public.packs(pack_id) ON DELETE SET NULL;
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT fk_idempotency_keys_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT fk_job_events_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.job_labels
    ADD CONSTRAINT fk_job_labels_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.job_trials
    ADD CONSTRAINT fk_job_trials_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.outcomes
    ADD CONSTRAINT fk_outcomes_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.packs
    ADD CONSTRAINT fk_packs_job_id_jobs FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;
