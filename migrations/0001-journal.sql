-- The journal as docs/journal-format.md describes it. Positions are assigned by the writer, never by SQLite.

create table event (
    pos        integer primary key,
    stream     text    not null,
    seq        integer not null,
    incident   text,
    kind       text    not null,
    version    integer not null,
    at         integer not null,
    head       blob    not null,
    blobs      text    not null,
    commitment blob    not null,
    hash       blob    not null,
    unique (stream, seq)
) strict;

create index event_incident on event (incident, pos) where incident is not null;

create table body (
    pos   integer primary key,
    salt  blob not null,
    bytes blob not null
) strict;

create table blob (
    id    text primary key,
    salt  blob not null,
    bytes blob not null
) strict;

create table stream (
    id   text    primary key,
    seq  integer not null,
    open integer not null
) strict, without rowid;

create index stream_open on stream (id) where open = 1;

create table chain (
    one  integer primary key check (one = 1),
    pos  integer not null,
    hash blob    not null
) strict;

insert into chain (one, pos, hash) values (1, 0, zeroblob(32));
