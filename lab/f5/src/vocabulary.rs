//! The words that tmsh and AS3 know, for the object kinds that Tidegate's configuration uses. Tables of our own; kinds that
//! are not listed are not judged.

/// Properties that every tmsh object may have, in exports at least.
const EVERYWHERE: &str =
    "app-service creation-time last-modified-time defaults-from description partition metadata";

/// tmsh kinds and their properties.
const TMSH: &[(&str, &str)] = &[
    (
        "eviction-policy",
        "high-water low-water slow-flow strategies",
    ),
    (
        "monitor http",
        "adaptive adaptive-divergence-type adaptive-divergence-value adaptive-limit adaptive-sampling-timespan destination interval ip-dscp manual-resume password recv recv-disable reverse send time-until-up timeout transparent up-interval username",
    ),
    (
        "monitor https",
        "adaptive cert cipherlist compatibility destination interval ip-dscp key manual-resume password recv recv-disable reverse send ssl-profile time-until-up timeout transparent up-interval username",
    ),
    (
        "monitor tcp",
        "adaptive destination interval ip-dscp manual-resume recv recv-disable reverse send time-until-up timeout transparent up-interval",
    ),
    (
        "node",
        "address connection-limit dynamic-ratio fqdn logging monitor rate-limit ratio references session state",
    ),
    (
        "persistence cookie",
        "always-send cookie-encryption cookie-encryption-passphrase cookie-name encrypt-cookie-poolname expiration hash-length hash-offset httponly match-across-pools match-across-services match-across-virtuals method mirror override-connection-limit secure timeout",
    ),
    (
        "persistence hash",
        "hash-algorithm hash-buffer-limit hash-end-pattern hash-length hash-offset hash-start-pattern match-across-pools match-across-services match-across-virtuals mirror override-connection-limit rule timeout",
    ),
    (
        "persistence source-addr",
        "hash-algorithm map-proxies map-proxy-address map-proxy-class mask match-across-pools match-across-services match-across-virtuals mirror override-connection-limit timeout",
    ),
    (
        "pool",
        "allow-nat allow-snat autopopulate gateway-failsafe-device ignore-persisted-weight inherit-profile ip-tos-to-client ip-tos-to-server link-qos-to-client link-qos-to-server load-balancing-mode members min-active-members min-up-members min-up-members-action min-up-members-checking minimumMonitors monitor profiles queue-depth-limit queue-on-connection-limit queue-time-limit reselect-tries service-down-action slow-ramp-time",
    ),
    (
        "pool member",
        "address autopopulate connection-limit dynamic-ratio ephemeral fqdn inherit-profile logging monitor priority-group profiles rate-limit ratio session state",
    ),
    (
        "profile client-ssl",
        "alert-timeout allow-dynamic-record-sizing allow-expired-crl allow-non-ssl authenticate authenticate-depth c3d-drop-unknown-ocsp-status c3d-ocsp ca-file cache-timeout cert cert-extension-includes cert-key-chain cert-lookup-by-ipaddr-port chain cipher-group ciphers client-cert-ca crl-file data-0rtt generic-alert handshake-timeout hostname-whitelist inherit-ca-certkeychain inherit-certkeychain key max-active-handshakes max-aggregate-renegotiation-per-minute max-renegotiations-per-minute mod-ssl-methods mode notify-cert-status-to-virtual-server ocsp-stapling options passphrase peer-cert-mode proxy-ca-cert proxy-ca-key proxy-ca-passphrase proxy-ssl proxy-ssl-passthrough renegotiate-max-record-delay renegotiate-period renegotiate-size renegotiation retain-certificate secure-renegotiation server-name session-ticket session-ticket-timeout sni-default sni-require ssl-c3d ssl-forward-proxy ssl-forward-proxy-bypass ssl-sign-hash strict-resume unclean-shutdown",
    ),
    (
        "profile fastl4",
        "client-timeout hardware-syn-cookie idle-timeout ip-tos-to-client keep-alive-interval late-binding loose-close loose-initialization mss-override priority-to-client pva-acceleration pva-offload-dynamic reset-on-timeout software-syn-cookie syn-cookie-enable syn-cookie-whitelist tcp-close-timeout tcp-generate-isn tcp-handshake-timeout tcp-timestamp-mode tcp-wscale-mode",
    ),
    (
        "profile http",
        "accept-xff basic-auth-realm encrypt-cookie-secret encrypt-cookies enforcement explicit-proxy fallback-host fallback-status-codes header-erase header-insert hsts insert-xforwarded-for lws-separator lws-width oneconnect-status-reuse oneconnect-transformations proxy-type redirect-rewrite request-chunking response-chunking response-headers-permitted server-agent-name sflow via-host-name via-request via-response websocket xff-alternative-names",
    ),
    (
        "profile one-connect",
        "idle-timeout-override limit-type max-age max-reuse max-size share-pools source-mask",
    ),
    (
        "profile server-ssl",
        "alert-timeout allow-expired-crl authenticate authenticate-depth authenticate-name c3d-ca-cert c3d-ca-key c3d-ca-passphrase c3d-cert-extension-includes c3d-cert-lifespan ca-file cache-timeout cert chain cipher-group ciphers crl-file data-0rtt expire-cert-response-control generic-alert handshake-timeout key mod-ssl-methods options passphrase peer-cert-mode proxy-ssl proxy-ssl-passthrough renegotiate-period renegotiate-size renegotiation retain-certificate secure-renegotiation server-name session-ticket sni-default sni-require ssl-c3d ssl-forward-proxy ssl-forward-proxy-bypass ssl-sign-hash strict-resume unclean-shutdown untrusted-cert-response-control",
    ),
    (
        "profile tcp",
        "abc ack-on-push auto-proxy-buffer-size auto-receive-window-size auto-send-buffer-size close-wait-timeout cmetrics-cache cmetrics-cache-timeout congestion-control deferred-accept delay-window-control delayed-acks dsack early-retransmit ecn enhanced-loss-recovery fast-open fast-open-cookie-expiration fin-wait-2-timeout fin-wait-timeout hardware-syn-cookie idle-timeout init-cwnd init-rwnd ip-df-mode ip-tos-to-client ip-ttl-mode ip-ttl-v4 ip-ttl-v6 keep-alive-interval limited-transmit link-qos-to-client max-retrans max-retrans-syn max-segment-size md5-signature md5-signature-passphrase minimum-rto mptcp mptcp-csum mptcp-csum-verify mptcp-fallback mptcp-fastjoin mptcp-idle-timeout mptcp-join-max mptcp-makeafterbreak mptcp-nojoindssack mptcp-rtomax mptcp-rxmitmin mptcp-subflowmax mptcp-timeout nagle pkt-loss-ignore-burst pkt-loss-ignore-rate proxy-buffer-high proxy-buffer-low proxy-mss proxy-options push-flag rate-pace rate-pace-max-rate receive-window-size reset-on-timeout rexmt-thresh selective-acks selective-nack send-buffer-size slow-start syn-cookie-enable syn-cookie-whitelist syn-max-retrans syn-rto-base tail-loss-probe tcp-options time-wait-recycle time-wait-timeout timestamps verified-accept zero-window-timeout",
    ),
    (
        "profile websocket",
        "compress-mode compression masking no-delay window-bits",
    ),
    (
        "snat-translation",
        "address arp connection-limit disabled enabled inherited-traffic-group ip-idle-timeout tcp-idle-timeout traffic-group udp-idle-timeout",
    ),
    ("snatpool", "members"),
    (
        "virtual",
        "address-status auto-discovery auto-lasthop bwc-policy clone-pools cmp-enabled connection-limit destination disabled enabled eviction-protected fallback-persistence flow-eviction-policy fw-enforced-policy fw-rules fw-staged-policy gtm-score internal ip-forward ip-intelligence-policy ip-protocol l2-forward last-hop-pool mask mirror nat64 per-flow-request-access-policy persist policies pool profiles rate-class rate-limit rate-limit-dst-mask rate-limit-mode rate-limit-src-mask reject related-rules rules security-log-profiles security-nat-policy serverssl-use-sni service-down-immediate-action service-policy source source-address-translation source-port stateless syn-cookie-status throughput-capacity traffic-classes traffic-matching-criteria translate-address translate-port urldb-feed-policy vlans vlans-disabled vlans-enabled vs-index",
    ),
    (
        "virtual-address",
        "address arp auto-delete connection-limit disabled enabled floating icmp-echo inherited-traffic-group mask route-advertisement server-scope spanning traffic-group unit",
    ),
];

/// Properties of every AS3 service.
const SERVICE: &str = "addressStatus adminState allowVlans class clonePools enable fallbackPersistenceMethod httpMrfRoutingEnabled iRules include ipIntelligencePolicy label lastHop layer4 maxConnections maximumBandwidth metadata mirroring nat64Enabled persistenceMethods policyBandwidthControl policyFirewallEnforced policyFirewallStaged policyIdleTimeout policyNAT pool profileAnalyticsTcp profileClassification profileDNS profileDiameterEndpoint profileEnforcement profileFIX profileIPOther profileIntegratedBotDefense profileProtocolInspection profileRewrite profileSplitsessionClient profileStatistics profileSubscriberManagement profileTrafficLog rateLimit rejectVlans remark securityLogProfiles serversslUseSni serviceDownImmediateAction shareAddresses snat sourceAddress translateClientPort translateServerAddress translateServerPort virtualAddresses virtualPort";

/// AS3 classes and their properties; services have those of [`SERVICE`] besides.
const AS3: &[(&str, &str)] = &[
    (
        "Service_TCP",
        "clientTLS mqttEnabled policyEndpoint profileConnector profileFTP profileICAP profileILX profilePPTP profileRTSP profileSIP profileSOCKS profileSSHProxy profileService profileStream profileTCP serverTLS virtualType",
    ),
    (
        "Service_HTTP",
        "clientTLS policyEndpoint policyIAM policyPerRequestAccess policyWAF profileAccess profileAnalytics profileApiProtection profileBotDefense profileConnectivity profileConnector profileDOS profileFPS profileHTML profileHTTP profileHTTPAcceleration profileHTTPCompression profileJSON profileMultiplex profileNTLM profilePingAccess profileRequestAdapt profileResponseAdapt profileSSE profileSSHProxy profileService profileStream profileTCP profileVdi profileWebSocket serverTLS virtualType",
    ),
    (
        "Service_HTTPS",
        "clientTLS policyEndpoint policyIAM policyPerRequestAccess policyWAF profileAccess profileAnalytics profileApiProtection profileBotDefense profileConnectivity profileConnector profileDOS profileFPS profileHTML profileHTTP profileHTTP2 profileHTTPAcceleration profileHTTPCompression profileJSON profileMultiplex profileNTLM profilePingAccess profileRequestAdapt profileResponseAdapt profileSSE profileSSHProxy profileService profileStream profileTCP profileVdi profileWebSocket redirect80 serverTLS virtualType",
    ),
    ("Service_L4", "profileL4"),
    (
        "Pool",
        "allowNATEnabled allowSNATEnabled class label loadBalancingMode members metadata minimumMembersActive minimumMonitors monitors remark reselectTries serviceDownAction slowRampTime",
    ),
    (
        "Monitor",
        "acceptRCODE adaptive adaptiveDivergenceMilliseconds adaptiveDivergencePercentage adaptiveDivergenceType adaptiveLimitMilliseconds adaptiveWindow answerContains arguments base chaseReferrals ciphers class clientCertificate clientTLS codesDown codesUp count database domain dscp environmentVariables expand failureInterval failures filename filter headers interval label mandatoryAttributes mode monitorType nasIpAddress passphrase pathname protocol queryName queryType receive receiveColumn receiveDown receiveRow remark request responseTime retryTime reverse script secret security send targetAddress targetPort timeUntilUp timeout transparent upInterval username",
    ),
    (
        "TCP_Profile",
        "abc ackOnPush autoProxyBufferSize autoReceiveWindowSize autoSendBufferSize class closeWaitTimeout congestionControl congestionMetricsCache congestionMetricsCacheTimeout deferredAccept delayWindowControl delayedAcks dsack earlyRetransmit ecn enhancedLossRecovery fastOpen fastOpenCookieExpiration finWait2Timeout finWaitTimeout idleTimeout initCwnd initRwnd ipDfMode ipTosToClient keepAliveInterval label limitedTransmit linkQosToClient maxRetrans maxSegmentSize md5Signature md5SignaturePassphrase minimumRto mptcp mptcpCsum mptcpCsumVerify mptcpFallback mptcpFastJoin mptcpIdleTimeout mptcpJoinMax mptcpMakeAfterBreak mptcpNoJoinDssAck mptcpRetransmitMin mptcpRtoMax mptcpSubflowMax mptcpTimeout nagle pktLossIgnoreBurst pktLossIgnoreRate proxyBufferHigh proxyBufferLow proxyMSS proxyOptions pushFlag ratePace ratePaceMaxRate receiveWindowSize remark resetOnTimeout retransmitThreshold selectiveAcks selectiveNack sendBufferSize slowStart synCookieAllowlist synCookieEnable synCookieWhitelist synMaxRetrans synRtoBase tailLossProbe tcpOptions timeWaitRecycle timeWaitTimeout timestamps ttlIPv4 ttlIPv6 ttlMode verifiedAccept zeroWindowTimeout",
    ),
    (
        "HTTP_Profile",
        "allowBlankSpaceAfterHeaderName allowedResponseHeaders badRequestMessage badResponseMessage class connectErrorMessage cookiePassphrase defaultConnectAction dnsErrorMessage doNotProxyHosts encryptCookies enforceRFCCompliance excessClientHeaders excessServerHeaders fallbackRedirect fallbackStatusCodes hstsIncludeSubdomains hstsInsert hstsPeriod hstsPreload insertHeader ipv6 knownMethods label maxHeaderCount maxHeaderSize maxRequests multiplexStatusReuse multiplexTransformations otherXFF oversizeClientHeaders oversizeServerHeaders pipelineAction profileWebSocket proxyConnectEnabled proxyType remark requestChunking resolver responseChunking rewriteRedirects routeDomain serverHeaderValue truncatedRedirects trustXFF tunnelName unknownMethodAction viaHost viaRequest viaResponse webSocketMasking webSocketsEnabled whiteOutHeader xForwardedFor",
    ),
    (
        "WebSocket_Profile",
        "class compressMode compression label masking maximumWindowSize noDelay remark",
    ),
    (
        "TLS_Server",
        "alertTimeout allowDynamicRecordSizing allowExpiredCRL authenticationDepth authenticationFrequency authenticationInviteCA authenticationMode authenticationTrustCA c3dEnabled c3dOCSP c3dOCSPUnknownStatusAction cacheCertificateEnabled cacheTimeout certificateExtensions certificates cipherGroup ciphers class crlFile dataZeroRoundTripTime dtls1_2Enabled dtlsEnabled forwardProxyBypassAllowlist forwardProxyBypassEnabled forwardProxyEnabled handshakeTimeout hybrid insertEmptyFragmentsEnabled label ldapStartTLS namingScheme nonSslConnectionsEnabled notifyCertStatusToVirtualServer proxySslEnabled proxySslPassthroughEnabled remark renegotiateMaxRecordDelay renegotiatePeriod renegotiateSize renegotiationEnabled requireSNI retainCertificateEnabled secureRenegotiation singleUseDhEnabled smtpsStartTLS ssl3Enabled sslEnabled sslSignHash staplerOCSPEnabled tls1_0Enabled tls1_1Enabled tls1_2Enabled tls1_3Enabled uncleanShutdownEnabled",
    ),
    (
        "TLS_Client",
        "alertTimeout allowExpiredCRL authenticationDepth authenticationFrequency c3dCertificateAuthority c3dCertificateExtensions c3dCertificateLifespan c3dEnabled cacheTimeout cipherGroup ciphers class clientCertificate crlFile dataZeroRoundTripTime dtls1_2Enabled dtlsEnabled forwardProxyBypassEnabled forwardProxyEnabled handshakeTimeout ignoreExpired ignoreUntrusted insertEmptyFragmentsEnabled label ldapStartTLS proxySslEnabled proxySslPassthroughEnabled remark renegotiatePeriod renegotiateSize renegotiationEnabled requireSNI retainCertificateEnabled secureRenegotiation sendSNI serverName sessionTickets singleUseDhEnabled sniDefault ssl3Enabled sslEnabled sslSignHash tls1_0Enabled tls1_1Enabled tls1_2Enabled tls1_3Enabled trustCA uncleanShutdownEnabled validateCertificate",
    ),
    ("SNAT_Pool", "class label remark snatAddresses"),
    (
        "Persist",
        "addressMask alwaysSet bufferLimit class cookieMethod cookieName count duration encrypt endPattern hashAlgorithm hashCount header httpOnly iRule label matchAcrossPools matchAcrossVirtualAddresses matchAcrossVirtualPorts mirror overrideConnectionLimit passphrase persistenceMethod remark secure sessionBroker startAt startPattern ttl",
    ),
    (
        "Multiplex_Profile",
        "class connectionLimitEnforcement idleTimeoutOverride label maxConnectionAge maxConnectionReuse maxConnections remark sharePools sourceMask",
    ),
    (
        "L4_Profile",
        "class clientTimeout idleTimeout keepAliveInterval label looseClose looseInitialization maxSegmentSize pvaAcceleration remark resetOnTimeout synCookieAllowlist synCookieEnable tcpCloseTimeout tcpHandshakeTimeout",
    ),
    (
        "Certificate",
        "certificate chainCA class issuerCertificate label passphrase pkcs12 pkcs12Options privateKey remark staplerOCSP",
    ),
    (
        "Pool_Member",
        "accessKeyId addressDiscovery addressFamily addressRealm adminState apiAccessKey applicationId autoPopulate bigip connectionLimit credentialUpdate directoryId downInterval dynamicRatio enable encodedCredentials encodedToken environment externalId fqdnPrefix hostname jmesPathQuery metadata minimumMonitors monitors priorityGroup projectId queryInterval rateLimit ratio region rejectUnauthorized remark resourceGroup resourceId resourceType roleARN routeDomain secretAccessKey serverAddresses servers servicePort shareNodes subscriptionId tagKey tagValue trustCA undetectableAction updateInterval uri useManagedIdentity",
    ),
    ("iRule", "class expand iRule label remark"),
];

/// Properties that take one word of a list, in tmsh.
const CHOICES: &[(&str, &str, &str)] = &[
    (
        "pool",
        "load-balancing-mode",
        "dynamic-ratio-member dynamic-ratio-node fastest-app-response fastest-node least-connections-member least-connections-node least-sessions observed-member observed-node predictive-member predictive-node ratio-least-connections-member ratio-least-connections-node ratio-member ratio-node ratio-session round-robin weighted-least-connections-member weighted-least-connections-node",
    ),
    ("pool", "service-down-action", "drop none reselect reset"),
    (
        "pool member",
        "session",
        "monitor-enabled user-disabled user-enabled",
    ),
    (
        "pool member",
        "state",
        "checking down fqdn-down fqdn-up unchecked up user-down user-up",
    ),
    ("virtual", "ip-protocol", "any icmp sctp tcp udp 6 17"),
    (
        "virtual",
        "service-down-immediate-action",
        "drop none reset",
    ),
    ("virtual", "source-port", "change preserve preserve-strict"),
    ("virtual", "mirror", "disabled enabled"),
    ("virtual", "translate-address", "disabled enabled"),
    ("virtual", "translate-port", "disabled enabled"),
    ("profile tcp", "verified-accept", "disabled enabled"),
    ("profile tcp", "deferred-accept", "disabled enabled"),
    ("profile tcp", "fast-open", "disabled enabled"),
    ("profile tcp", "mptcp", "disabled enabled passthrough"),
    ("profile tcp", "nagle", "auto disabled enabled"),
    ("profile tcp", "reset-on-timeout", "disabled enabled"),
    ("profile tcp", "syn-cookie-enable", "disabled enabled"),
    ("profile http", "insert-xforwarded-for", "disabled enabled"),
    ("profile http", "accept-xff", "disabled enabled"),
    (
        "profile websocket",
        "masking",
        "preserve remask selective unmask",
    ),
    ("profile websocket", "compress-mode", "preserved typed"),
];

/// Profiles, monitors and persistence that every BIG-IP comes with.
const BUILT_IN: &str = "tcp tcp-lan-optimized tcp-wan-optimized tcp-mobile-optimized tcp-legacy f5-tcp-lan f5-tcp-wan \
    f5-tcp-mobile f5-tcp-progressive mptcp-mobile-optimized http http-explicit http-transparent websocket oneconnect \
    clientssl clientssl-secure clientssl-insecure-compatible serverssl serverssl-insecure-compatible fastL4 full-acceleration \
    apm-forwarding-fastL4 udp udp_decrement_ttl stream source_addr cookie dest_addr hash ssl host universal https gateway_icmp \
    icmp inband tcp_half_open default.crt default.key ca-bundle.crt default-eviction-policy http_head_f5 https_443 none";

/// What a word was compared with, and the nearest one that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Known,
    Unknown {
        nearest: Option<&'static str>,
    },
    /// The kind is not in the tables.
    NotJudged,
}

/// Whether a tmsh kind has the property.
pub(crate) fn tmsh_property(kind: &str, property: &str) -> Verdict {
    let Some((_, known)) = TMSH.iter().find(|(name, _)| *name == kind) else {
        return Verdict::NotJudged;
    };
    among(&[known, EVERYWHERE], property)
}

/// Whether an AS3 class has the property.
pub(crate) fn as3_property(class: &str, property: &str) -> Verdict {
    let Some((_, known)) = AS3.iter().find(|(name, _)| *name == class) else {
        return Verdict::NotJudged;
    };
    if class.starts_with("Service_") {
        return among(&[known, SERVICE], property);
    }
    among(&[known], property)
}

/// The words that a tmsh property takes, separated by blanks, when the list is known.
pub fn choices(kind: &str, property: &str) -> Option<&'static str> {
    CHOICES
        .iter()
        .find(|(of, name, _)| *of == kind && *name == property)
        .map(|(.., words)| *words)
}

/// Whether every device has an object of that path.
pub(crate) fn is_built_in(path: &str) -> bool {
    path.strip_prefix("/Common/")
        .is_some_and(|name| BUILT_IN.split_whitespace().any(|known| known == name))
}

fn among(lists: &[&'static str], word: &str) -> Verdict {
    let known = || lists.iter().flat_map(|list| list.split_whitespace());
    if known().any(|candidate| candidate == word) {
        return Verdict::Known;
    }
    let nearest = known()
        .map(|candidate| (distance(candidate, word), candidate))
        .min();
    Verdict::Unknown {
        nearest: nearest
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, candidate)| candidate),
    }
}

/// Edits between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = usize::from(x != *y);
            let best = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_answered_with_its_nearest() {
        assert_eq!(tmsh_property("pool", "load-balancing-mode"), Verdict::Known);
        assert_eq!(
            tmsh_property("pool", "slow-ramp-tme"),
            Verdict::Unknown {
                nearest: Some("slow-ramp-time")
            }
        );
        assert_eq!(
            as3_property("Service_TCP", "profileWebSocket"),
            Verdict::Unknown { nearest: None }
        );
        assert_eq!(as3_property("GSLB_Pool", "anything"), Verdict::NotJudged);
    }
}
