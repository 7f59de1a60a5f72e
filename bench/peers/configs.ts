/** Configuration texts of the peers that are programs of their own: one worker, keep-alive upstreams, one field touched in each direction. */

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const ORIGIN_BODY = JSON.stringify({ hello: "world", list: [1, 2, 3], text: "x".repeat(60) });

function nginx(dir: string, modules: string, http: string): string {
  // Its workers must be able to read the folder, which only we can.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `${modules}
${user}
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 15000; }
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  keepalive_requests 100000000;
${http}
}
`;
}

export function nginxOrigin(dir: string, port: number): string {
  return nginx(
    dir,
    "",
    `  server {
    listen 127.0.0.1:${port};
    location / { default_type application/json; return 200 '${ORIGIN_BODY}'; }
    location = /large { root ${dir}; default_type application/octet-stream; sendfile on; }
    location = /kib { root ${dir}; default_type application/json; sendfile on; add_header Cache-Control max-age=86400; }
    location = /json { root ${dir}; default_type application/json; sendfile on; }
  }`,
  );
}

export function nginxProxy(dir: string, port: number, originPort: number): string {
  return nginx(dir, "", nginxServer(`listen 127.0.0.1:${port};`, originPort));
}

export function nginxCompressing(dir: string, port: number, originPort: number): string {
  const gzip = `gzip on;
  gzip_comp_level 6;
  gzip_types application/json;
  gzip_proxied any;
  gzip_vary on;`;
  return nginx(dir, "", `${gzip}\n${nginxServer(`listen 127.0.0.1:${port};`, originPort)}`);
}

/** gzip has the same level, and the other codings their own. */
export function gatewrightCompressing(port: number, originPort: number): string {
  return `export default {
  listen: { port: ${port} },
  log: { access: false, format: "json", level: "info" },
  upstreams: { origin: { targets: ["http://127.0.0.1:${originPort}"] } },
  compression: { levels: { gzip: 6 } },
};
`;
}

export function nginxCaching(dir: string, port: number, originPort: number): string {
  const cache = `sendfile on;
  proxy_cache_path ${dir}/cache keys_zone=one:10m;
  proxy_cache one;`;
  return nginx(
    dir,
    "",
    `${cache}\n${nginxServer(`listen 127.0.0.1:${port};`, originPort, "Cache-Status $upstream_cache_status")}`,
  );
}

/** Varnish's own rules as they are. */
export function varnishCaching(originPort: number): string {
  return `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${originPort}"; }
sub vcl_deliver { if (obj.hits > 0) { set resp.http.Cache-Status = "HIT"; } }
`;
}

export function gatewrightWaf(port: number, originPort: number, inspects: boolean): string {
  return `export default {
  listen: { port: ${port} },
  log: { access: false, format: "json", level: "info" },
  upstreams: { origin: { targets: ["http://127.0.0.1:${originPort}"] } },
  ${inspects ? "waf: {}," : ""}
};
`;
}

/** ModSecurity as its package recommends it, except that it refuses, looks at no answers and writes no audit log. */
export function apacheProxy(
  dir: string,
  port: number,
  originPort: number,
  inspects: boolean,
): string {
  const modules = [
    ["mpm_event", "mod_mpm_event"],
    ["authz_core", "mod_authz_core"],
    ["proxy", "mod_proxy"],
    ["proxy_http", "mod_proxy_http"],
    ["unique_id", "mod_unique_id"],
    ["security2", "mod_security2"],
  ].map(([name, file]) => `LoadModule ${name}_module /usr/lib/apache2/modules/${file}.so`);
  const rules = `SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecPcreMatchLimit 100000
SecPcreMatchLimitRecursion 100000
SecResponseBodyAccess Off
SecAuditEngine Off
SecDebugLogLevel 0
SecTmpDir ${dir}
SecDataDir ${dir}
SecUnicodeMapFile /etc/modsecurity/unicode.mapping 20127
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
Include /usr/share/modsecurity-crs/owasp-crs.load`;
  return `${modules.join("\n")}
ServerRoot ${dir}
PidFile ${dir}/apache.pid
Mutex file:${dir}
ErrorLog ${dir}/error.log
LogLevel error
ServerName localhost
Listen 127.0.0.1:${port}
User www-data
Group www-data
StartServers 1
ServerLimit 2
ThreadsPerChild 32
MaxRequestWorkers 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ProxyPass / http://127.0.0.1:${originPort}/ keepalive=On
${inspects ? rules : "SecRuleEngine Off"}
`;
}

export function gatewrightCaching(port: number, originPort: number, caches: boolean): string {
  return `export default {
  listen: { port: ${port} },
  log: { access: false, format: "json", level: "info" },
  upstreams: { origin: { targets: ["http://127.0.0.1:${originPort}"] } },
  routes: [{ upstream: "origin", cache: ${caches} }],
};
`;
}

export function nginxTlsProxy(
  dir: string,
  port: number,
  originPort: number,
  { cert, key }: CertificateFiles,
): string {
  const listen = `listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    ssl_protocols TLSv1.2 TLSv1.3;
    keepalive_timeout 3600s;
    http2_max_concurrent_streams 1000;`;
  return nginx(dir, "", nginxServer(listen, originPort));
}

function nginxServer(listen: string, originPort: number, field = "X-Served-By nginx"): string {
  return `  upstream origin { server 127.0.0.1:${originPort}; keepalive 100; keepalive_requests 100000000; }
  server {
    ${listen}
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Hook 1;
      add_header ${field};
    }
  }`;
}

export function nginxLuaProxy(dir: string, port: number, originPort: number): string {
  return nginx(
    dir,
    `load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;`,
    `  upstream origin { server 127.0.0.1:${originPort}; keepalive 100; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      access_by_lua_block { ngx.req.set_header("X-Hook", "1") }
      header_filter_by_lua_block { ngx.header["X-Served-By"] = "nginx-lua" }
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }`,
  );
}

export function caddyProxy(port: number, originPort: number): string {
  return caddySite(`http://127.0.0.1:${port}`, "", originPort);
}

export function caddyTlsProxy(
  port: number,
  originPort: number,
  { cert, key }: CertificateFiles,
): string {
  return caddySite(`https://:${port}`, `tls ${cert} ${key}`, originPort);
}

function caddySite(address: string, tls: string, originPort: number): string {
  return `{
  admin off
  auto_https off
  log {
    output discard
  }
}
${address} {
  ${tls}
  header X-Served-By caddy
  reverse_proxy 127.0.0.1:${originPort} {
    header_up X-Hook 1
    transport http {
      keepalive_idle_conns 100
      keepalive_idle_conns_per_host 100
    }
  }
}
`;
}

export function gatewrightConfig(
  port: number,
  originPort: number,
  accessLog: boolean,
  files?: CertificateFiles,
): string {
  const tls = files === undefined ? "" : `, tls: { certificates: [${JSON.stringify(files)}] }`;
  return `export default {
  listen: { port: ${port}${tls} },
  limits: { keepAlive: "1h", connections: 15_000 },
  log: { access: ${accessLog}, format: "json", level: "info" },
  upstreams: { origin: { targets: ["http://127.0.0.1:${originPort}"] } },
  onRequest(request) {
    request.headers.set("x-hook", "1");
  },
  onResponse(response) {
    response.headers.set("x-served-by", "gatewright");
  },
};
`;
}
