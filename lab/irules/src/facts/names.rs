//! The commands that BIG-IP 17.1 has besides Tcl's own: names only, grouped by namespace.
//!
//! A name in this table loads; whether it runs here is [`crate::commands`]'s business.

/// Namespace, and the names in it.
pub(super) const NAMESPACES: &[(&str, &str)] = &[
    ("AAA", "acct_result acct_send auth_result auth_send"),
    (
        "ACCESS",
        "acl disable enable ephemeral-auth flowid log oauth perflow policy respond restrict_irule_events saml session user uuid",
    ),
    ("ACCESS2", "access2_proc"),
    ("ACL", "action eval"),
    (
        "ADAPT",
        "allow context_create context_current context_delete_all context_name context_static enable preview_size result select service_down_action timeout",
    ),
    ("ADM", "health is_ip_slowdown is_mitigated"),
    ("AES", "decrypt encrypt key"),
    (
        "ANTIFRAUD",
        "alert_additional_info alert_bait_signatures alert_component alert_defined_value alert_details alert_device_id alert_expected_value alert_fingerprint alert_forbidden_added_element alert_guid alert_html alert_http_referrer alert_id alert_license_id alert_min alert_origin alert_resolved_value alert_score alert_transaction_data alert_transaction_id alert_type alert_username alert_view_id client_id device_id disable disable_alert disable_app_layer_encryption disable_auto_transactions disable_injection disable_malware disable_phishing enable enable_log fingerprint geo guid result username",
    ),
    (
        "ASM",
        "captcha captcha_age captcha_status client_ip conviction deception disable enable fingerprint microservice payload policy raise severity signature status support_id threat_campaign unblock uncaptcha violation violation_data",
    ),
    ("ASN1", "decode element encode"),
    (
        "AUTH",
        "abort authenticate authenticate_continue cert_credential cert_issuer_credential last_event_session_id password_credential response_data ssl_cc_ldap_status ssl_cc_ldap_username start status subscribe unsubscribe username_credential wantcredential_prompt wantcredential_prompt_style wantcredential_type",
    ),
    ("AVR", "disable disable_cspm_injection enable log"),
    ("BIGPROTO", "enable_fix_reset"),
    ("BIGTCP", "release_flow"),
    (
        "BOTDEFENSE",
        "action bot_anomalies bot_categories bot_name bot_signature bot_signature_category captcha_age captcha_status client_class client_type cookie_age cookie_status cs_allowed cs_attribute cs_possible device_id disable enable intent micro_service previous_action previous_request_age previous_support_id reason support_id",
    ),
    ("BWC", "color debug mark measure policy pps priority rate"),
    (
        "CACHE",
        "accept_encoding age disable disabled enable expire header headers hits payload priority trace uri useragent userkey",
    ),
    (
        "CATEGORY",
        "analytics filetype lookup matchtype result safesearch",
    ),
    (
        "CLASSIFICATION",
        "app category disable enable protocol result urlcat username",
    ),
    (
        "CLASSIFY",
        "application category defer disable urlcat username",
    ),
    ("COMPRESS", "buffer_size disable enable gzip method nodelay"),
    ("CONNECTOR", "disable enable"),
    ("CRYPTO", "decrypt encrypt hash keygen sign verify"),
    ("DATAGRAM", "dns ip ip6 l2 tcp udp"),
    ("DECOMPRESS", "disable enable"),
    ("DEMANGLE", "disable enable"),
    ("DHCP", "version"),
    (
        "DHCPv4",
        "chaddr ciaddr drop giaddr hlen hops htype len opcode option reject secs siaddr type xid yiaddr",
    ),
    (
        "DHCPv6",
        "drop hop_count len link_address msg_type option peer_address reject transaction_id",
    ),
    (
        "DIAMETER",
        "avp command disconnect drop dynamic_route_insertion dynamic_route_lookup header host is_request is_response is_retransmission length message payload persist realm respond result retransmission retransmission_default retransmission_reason retransmit retry route_status session state",
    ),
    (
        "DNS",
        "additional answer authority class disable drop edns0 enable header is_wideip last_act len log name origin ptype query question rdata return rpz_policy rr rrname rrtype scrape tsig ttl type",
    ),
    ("DNSMSG", "header record section"),
    (
        "DOSL7",
        "disable enable health is_ip_slowdown is_mitigated profile slowdown",
    ),
    ("DSLITE", "remote_addr"),
    ("ECA", "disable domainname enable metadata status username"),
    ("FIX", "tag"),
    (
        "FLOW",
        "create_related idle_duration idle_timeout peer priority refresh this",
    ),
    ("FLOWTABLE", "count limit"),
    (
        "FTP",
        "allow_active_mode disable enable enforce_tls_session_reuse ftps_mode port",
    ),
    ("GENERICMESSAGE", "message peer route"),
    (
        "GTP",
        "clone discard forward header ie length message new parse payload respond tunnel",
    ),
    ("HA", "status"),
    ("HSL", "open send"),
    ("HTML", "comment disable enable tag"),
    (
        "HTTP",
        "class close collect cookie disable enable fallback has_responded header host hsts is_keepalive is_redirect method passthrough_reason password path payload proxy query redirect reject_reason release request request_num respond response retry status uri username version",
    ),
    (
        "HTTP2",
        "active concurrency disable disconnect enable push requests stream version",
    ),
    ("ICAP", "header method status uri"),
    (
        "IKE",
        "auth_success cert san_dirname san_dns san_ediparty san_email san_ipadd san_othername san_rid san_uri san_x400 subjectAltName",
    ),
    ("ILX", "call init notify"),
    ("IMAP", "activation_mode disable enable"),
    (
        "IP",
        "addr client_addr hops idle_timeout intelligence local_addr protocol remote_addr reputation server_addr stats tos ttl version",
    ),
    ("IPFIX", "destination msg template"),
    ("ISESSION", "deduplication"),
    ("ISTATS", "get incr remove set"),
    ("IVS_ENTRY", "result"),
    ("L7CHECK", "protocol"),
    (
        "LB",
        "bias class command connect connlimit context_id detach down dst_tag enable_decisionlog mode persist prime queue reselect select server snat src_tag status up",
    ),
    ("LDAP", "activation_mode disable enable"),
    ("LINK", "lasthop nexthop qos vlan_id"),
    (
        "LSN",
        "address disable inbound inbound-entry persistence persistence-entry pool port",
    ),
    ("MESSAGE", "field proto type"),
    (
        "MQTT",
        "clean_session client_id collect disable disconnect drop dup enable insert keep_alive length message packet_id password payload protocol_name protocol_version qos release replace respond retain return_code return_code_list session_present topic type username will",
    ),
    (
        "MR",
        "collect connect_back_port connection_instance connection_mode equivalent_transport flow_id ignore_peer_port instance max_retries message payload peer prime protocol release restore retry return store stream transport",
    ),
    ("NAME", "lookup response"),
    (
        "NSH",
        "chain context md1 mimic mocksf path_id service_index",
    ),
    ("NTLM", "disable enable"),
    ("OFFBOX", "request"),
    ("ONECONNECT", "detach label reuse select"),
    ("PCP", "reject request response"),
    ("PEM", "disable enable flow policy session subscriber"),
    ("PLUGIN", "disable enable"),
    ("POLICY", "controls names rules targets"),
    ("POP3", "activation_mode disable enable"),
    (
        "PROFILE",
        "access antifraud auth avr clientssl diameter exchange exists fastL4 fasthttp fastl4 ftp http httpclass httpcompression list oneconnect persist serverssl stream tcp tftp udp vdi webacceleration xml",
    ),
    ("PROTOCOL_INSPECTION", "disable id"),
    (
        "PSC",
        "aaa_reporting_interval attr auth_user_name calling_id imeisv imsi ip_address lease_time policy subscriber_id tower_id user_name",
    ),
    ("QOE", "disable enable video"),
    ("RADIUS", "avp code id rtdom subscriber"),
    ("RESOLV", "lookup"),
    ("RESOLVER", "name_lookup summarize"),
    ("REST", "send"),
    ("REWRITE", "disable enable payload post_process"),
    (
        "ROUTE",
        "age bandwidth clear cwnd domain expiration mtu rtt rttvar",
    ),
    (
        "RTSP",
        "collect header method msg_source payload release respond status uri version",
    ),
    (
        "SCTP",
        "client_port collect local_port mss payload ppi release remote_port respond rto_initial rto_max rto_min sack_timeout server_port",
    ),
    ("SDP", "field media session_id"),
    (
        "SIP",
        "call_id discard from header message method payload persist record-route respond response route route_status to uri via",
    ),
    (
        "SIPALG",
        "hairpin hairpin_default nonregister_subscriber_listener",
    ),
    ("SMTP", "disable enable"),
    ("SMTPS", "activation_mode disable enable"),
    ("SOCKS", "allowed destination version"),
    (
        "SPDY",
        "active concurrency disconnect priority requests stream streamid version",
    ),
    (
        "SSL",
        "allow_dynamic_record_sizing alpn authenticate c3d cert cert_constraint cipher clientrandom collect disable enable extensions forward_proxy handshake is_renegotiation_secure maximum_record_size mode modssl_sessionid_headers nextproto payload profile release renegotiate respond secure_renegotiation session sessionid sessionsecret sessionticket sni tls13_secret unclean_shutdown verify_result",
    ),
    ("STATS", "get incr set setmax setmin"),
    (
        "STREAM",
        "disable enable encoding expression match max_matchsize replace",
    ),
    ("TAP", "action config score"),
    (
        "TCP",
        "abc analytics autowin bandwidth client_port close collect congestion delayed_ack dsack earlyrxmit ecn enhanced_loss_recovery idletime limxmit local_port lossfilter lossfilterburst lossfilterrate mss nagle naglemode naglestate notify offset option pacing payload proxybuffer proxybufferhigh proxybufferlow push_flag rcv_scale rcv_size recvwnd release remote_port respond rexmt_thresh rt_metrics_timeout rto rtt rttvar sendbuf server_port setmss snd_cwnd snd_scale snd_ssthresh snd_wnd unused_port",
    ),
    ("TDS", "msg session"),
    (
        "TMM",
        "cmp_count cmp_group cmp_groups cmp_primary_group cmp_unit",
    ),
    (
        "UDP",
        "client_port debug_queue drop hold local_port max_rate mss payload release remote_port respond sendbuffer server_port unused_port",
    ),
    (
        "URI",
        "basename compare decode encode host path port protocol query",
    ),
    ("VALIDATE", "protocol"),
    ("WAM", "disable enable"),
    ("WEBSSO", "disable enable select"),
    (
        "WS",
        "collect disconnect enabled frame masking message payload payload_ivs payload_processing release request response",
    ),
    (
        "X509",
        "cert_fields extensions hash issuer not_valid_after not_valid_before pem2der serial_number signature_algorithm subject subject_public_key subject_public_key_RSA_bits subject_public_key_type verify_cert_error_string version whole",
    ),
    (
        "XLAT",
        "listen listen_lifetime src_addr src_config src_endpoint_reservation src_nat_valid_range src_port",
    ),
    (
        "XML",
        "address collect disable element enable event eventid parse payload release soap subscribe",
    ),
];

/// Commands without a namespace.
pub(super) const PLAIN: &str = "accumulate active_members active_nodes after b64decode b64encode call class client_addr client_port clientside clone close cname connect cpu crc32 decode_uri discard domain drop event fasthash findclass findstr forward getfield host htonl htons http_cookie http_header http_host http_method http_uri http_version ifile imid ip_protocol ip_tos ip_ttl lasthop link_qos listen llookup local_addr local_port log matchclass matchregion md5 member_priority members nexthop node nodes nodes_up ntohl ntohs peer pem_dtos persist pool pools priority qos_score qos_weight rateclass recv redirect reject relate_client relate_server remote_addr remote_port rmd160 send server_addr server_port serverside session sha1 sha256 sha384 sha512 sharedvar snat snatpool substr table timing traffic_group translate ttl uptime urlcatblindquery urlcatquery use virtual vlan_id when whereami whereis whoami wideip";
