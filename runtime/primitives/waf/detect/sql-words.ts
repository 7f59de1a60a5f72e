// The words of SQL that tell injected syntax from prose, by the part they play in a statement.

export const WORD = 1;
export const NUMBER = 2;
export const QUOTE_MARK = 3;
export const LOGIC = 4;
export const COMPARE = 5;
export const WORD_COMPARE = 6; // like, in, is, between: English as well
export const ARITHMETIC = 7;
export const VARIABLE = 8; // @x, @@version
export const UNION = 9;
export const SELECT = 10;
export const FROM = 11;
export const CLAUSE = 12; // where, order, group, having, limit, into ...
export const STATEMENT = 13;
export const LITERAL = 14; // null, true, false
export const OPEN = 15;
export const CLOSE = 16;
export const COMMA = 17;
export const DOT_MARK = 18;
export const SEMICOLON_MARK = 19;
export const COMMENT = 20; // one that runs to the end of the line or of the value
export const CAST = 21; // ::
export const NOT = 22;
export const OTHER_MARK = 23;
export const EDGE = 24; // start or end of the value

const KINDS: readonly (readonly [number, string])[] = [
  [LOGIC, "and or xor"],
  [WORD_COMPARE, "like rlike ilike regexp regex in is between glob similar sounds match"],
  [ARITHMETIC, "div mod"],
  [UNION, "union intersect except minus"],
  [SELECT, "select"],
  [FROM, "from"],
  [
    CLAUSE,
    "where order group having limit into offset procedure by outfile dumpfile values set rownum fetch when then else end case",
  ],
  [
    STATEMENT,
    "insert update delete drop create alter truncate exec execute declare shutdown waitfor grant revoke replace merge rename call load copy backup restore use begin commit rollback handler desc describe show attach detach vacuum kill",
  ],
  [LITERAL, "null true false"],
  [NOT, "not"],
];

/** Lower-case word → its part. */
export const WORD_KINDS: ReadonlyMap<string, number> = new Map(
  KINDS.flatMap(([kind, words]) => words.split(" ").map((word) => [word, kind] as const)),
);

function set(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/));
}

/** Functions that occur in attacks and hardly in any other language: a call alone is a sign. */
export const ATTACK_FUNCTIONS: ReadonlySet<string> = set(`
  benchmark pg_sleep pg_sleep_for load_file extractvalue updatexml group_concat concat_ws xmltype
  make_set name_const unhex ifnull sqlite_version sqlite_compileoption_used
  sqlite_compileoption_get load_extension randomblob zeroblob randstr xp_cmdshell xp_dirtree
  xp_regread xp_fileexist xp_subdirs xp_availablemedia sp_executesql sp_oacreate sp_oamethod sp_password
  fn_varbintohexstr fn_my_permissions fn_xe_file_target_read_file fn_trace_gettable openrowset
  opendatasource openquery has_dbaccess is_srvrolemember is_member utl_http utl_inaddr utl_smtp
  dbms_pipe dbms_lock dbms_ldap dbms_xslprocessor dbms_java dbms_export_extension dbms_xmlgen dbms_utility
  ctxsys drithsx lo_import lo_export lo_get pg_read_file pg_ls_dir pg_read_binary_file
  query_to_xml database_to_xml schema_to_xml table_to_xml dblink_connect dblink dblink_exec
  current_setting set_config version_comment find_in_set
  json_build_object jsonb_pretty json_depth json_extract json_keys unistr st_latfromgeohash
  st_longfromgeohash st_pointfromgeohash geometrycollection polygon multipoint multilinestring
  multipolygon linestring gtid_subset gtid_subtract row_count found_rows last_insert_id
  get_lock release_lock is_free_lock is_used_lock sys_eval sys_exec sys_get inet_aton
  object_id object_name schema_name db_name host_name suser_name suser_sname user_name col_name
  system_user session_user current_user sql_variant_property quotename
  connection_id aes_decrypt des_decrypt sysdate sys_context
  bin_to_num rawtohex utl_raw string_agg array_agg wm_concat listagg xmlagg
  master_pos_wait sys_guid cdbl msysobjects to_base64 from_base64
  elt uuid_short load_data starts_with procedure_analyse convert_from pg_column_size`);

/** Functions of SQL and of other languages: a sign only inside SQL. */
export const COMMON_FUNCTIONS: ReadonlySet<string> = set(`
  sleep ascii char chr substr substring mid left right concat cast convert count length len
  char_length character_length if iif ifnull nullif isnull coalesce decode encode hex ord md5 sha1 sha
  password database schema user version now current_date current_timestamp curdate curtime rand random
  floor ceil round abs pow power mod bin conv bit_count exp log ln sqrt pi sign truncate
  lower upper lcase ucase trim ltrim rtrim replace reverse repeat space stuff str strcmp locate instr
  position charindex patindex insert lpad rpad format field greatest least max min sum avg
  exists all any some not row values top nvl to_char to_number to_date dump translate
  unicode typeof total_changes changes quote printf glob hex likelihood date time datetime julianday
  strftime compress uncompress cos sin tan acos asin atan crc32 uuid updatexml extract regexp_substr
  regexp_like regexp_replace regexp_instr substring_index make_set export_set lag lead dense_rank rank
  row_number to_json xmlelement getdate dateadd datediff datename datepart newid db_id
  object_definition checksum exec execute eval system shell array_to_string string_to_array
  unnest generate_series json_array json_object json_value json_query json_each json_tree
  json_unquote json_search json_contains json_length json_type json_valid bool_and bool_or`);

/** Tables and schemas of the databases' own catalogue, without prefix. */
export const CATALOGUE: ReadonlySet<string> = set(`
  information_schema pg_catalog pg_tables pg_user pg_shadow pg_class pg_database pg_authid pg_roles
  pg_stat_activity sysobjects syscolumns sysdatabases syslogins sysusers sysprocesses all_tables
  user_tables all_tab_columns user_tab_columns all_users dba_users dba_tables sys_users
  v$version v$instance v$database sqlite_master sqlite_schema sqlite_temp_master msysaccessobjects
  msysobjects msysaces msysqueries msysrelationships msysaccessstorage msysaccessxml
  sysibm syscat systables rdb$relations rdb$database mon$attachments tabschema
  innodb_table_stats innodb_index_stats mysql_user session_privs user_role_privs user_sys_privs`);
