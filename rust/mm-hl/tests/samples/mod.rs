//! One message of every form, for BTC, made up from the venue's documented shapes.

/// Websocket frames.
pub(crate) const FRAMES: &[&str] = &[
    r#"{"channel":"l2Book","data":{"coin":"BTC","time":1769916002123,"levels":[[{"px":"77558.0","sz":"3.03622","n":5},{"px":"77557.0","sz":"0.5","n":1}],[{"px":"77559.0","sz":"0.1428","n":1},{"px":"77561.0","sz":"2.0","n":3}]]}}"#,
    r#"{"channel":"bbo","data":{"coin":"BTC","time":1769916002123,"bbo":[{"px":"77558.0","sz":"3.03622","n":5},null]}}"#,
    r#"{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"77558.0","sz":"0.015","time":1769916002000,"hash":"0xab","tid":745210434703679,"users":["0xb","0xs"]},{"coin":"BTC","side":"B","px":"77559.0","sz":"0.02","time":1769916001000,"hash":"0xcd","tid":7,"users":["0xb","0xs"]}]}"#,
    r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0000125","openInterest":"27353.17682","prevDayPx":"76317.0","dayNtlVlm":"1516669192.1953897476","premium":"-0.0005927453","oraclePx":"77605.0","markPx":"77562.0","midPx":"77558.5","impactPxs":["77558.0","77559.0"],"dayBaseVlm":"19707.77457"}}}"#,
    r#"{"channel":"userFills","data":{"isSnapshot":true,"user":"0x14791697260e4c9a71f18484c9f997b308e59325","fills":[{"coin":"BTC","px":"66653.0","sz":"0.001","side":"A","time":1781528065899,"startPosition":"-0.0003","dir":"Open Short","closedPnl":"0.0","hash":"0x1","oid":55030848197,"crossed":false,"fee":"0.009997","tid":3,"feeToken":"USDC","twapId":null},{"coin":"BTC","px":"66653.0","sz":"0.0003","side":"A","time":1781528065899,"startPosition":"0.0","dir":"Open Short","closedPnl":"0.0","hash":"0x1","oid":55030848197,"crossed":true,"fee":"-0.000199","tid":2,"feeToken":"USDC","cloid":"0x00000000000000010000000000000002"}]}}"#,
    r#"{"channel":"orderUpdates","data":[{"order":{"coin":"BTC","side":"B","limitPx":"95000.0","sz":"0.0","oid":123,"timestamp":1769916002000,"origSz":"0.001","cloid":"0x00000000000000010000000000000002"},"status":"filled","statusTimestamp":1769916002123},{"order":{"coin":"BTC","side":"A","limitPx":"95010.0","sz":"0.001","oid":124,"timestamp":1769916002000,"origSz":"0.001","reduceOnly":true},"status":"selfTradeCanceled","statusTimestamp":1769916002123},{"order":{"coin":"BTC","side":"A","limitPx":"95010.0","sz":"0.001","oid":125,"timestamp":1769916002000,"origSz":"0.001","cloid":null},"status":"badAloPxRejected","statusTimestamp":1769916002123}]}"#,
    r#"{"channel":"userFundings","data":{"isSnapshot":true,"user":"0x14791697260e4c9a71f18484c9f997b308e59325","fundings":[{"time":1769918400034,"coin":"BTC","usdc":"-3.6253129","szi":"49.1477","fundingRate":"0.0000417","nSamples":null},{"time":1769914800034,"coin":"BTC","usdc":"1.0","szi":"-4.0","fundingRate":"0.0000417","nSamples":null},{"time":1769914800034,"coin":"ETH","usdc":"1.0","szi":"-4.0","fundingRate":"0.0000417","nSamples":null}]}}"#,
    r#"{"channel":"userNonFundingLedgerUpdates","data":{"user":"0x14791697260e4c9a71f18484c9f997b308e59325","nonFundingLedgerUpdates":[{"time":1769916002003,"hash":"0x1","delta":{"type":"withdraw","usdc":"9.0","nonce":1,"fee":"1.0"}},{"time":1769916002001,"hash":"0x1","delta":{"type":"deposit","usdc":"1250000.4500000002"}},{"time":1769916002002,"hash":"0x1","delta":{"type":"accountClassTransfer","usdc":"12.0","toPerp":false}},{"time":1769916002004,"hash":"0x1","delta":{"type":"send","user":"0x14791697260e4c9a71f18484c9f997b308e59325","destination":"0x14791697260e4c9a71f18484c9f997b308e59325","sourceDex":"spot","destinationDex":"","token":"USDC","amount":"4.0","usdcValue":"4.0","fee":"0.0","nativeTokenFee":"0.0","nonce":1,"feeToken":""}},{"time":1769916002005,"hash":"0x1","delta":{"type":"spotTransfer","token":"USDC","amount":"10.5","usdcValue":"10.5","user":"0x14791697260e4c9a71f18484c9f997b308e59325","destination":"0x4444444444444444444444444444444444444444","fee":"1.0","nativeTokenFee":"0.0","nonce":null,"feeToken":""}},{"time":1769916002006,"hash":"0x1","delta":{"type":"subAccountTransfer","usdc":"5.0","user":"0x4444444444444444444444444444444444444444","destination":"0x14791697260e4c9a71f18484c9f997b308e59325"}}]}}"#,
    r#"{"channel":"clearinghouseState","data":{"dex":"","user":"0x14791697260e4c9a71f18484c9f997b308e59325","clearinghouseState":{"marginSummary":{"accountValue":"99.99892","totalNtlPos":"11.9163","totalRawUsd":"88.08262","totalMarginUsed":"2.38326"},"crossMarginSummary":{"accountValue":"99.99892","totalNtlPos":"11.9163","totalRawUsd":"88.08262","totalMarginUsed":"2.38326"},"crossMaintenanceMarginUsed":"0.148953","withdrawable":"97.61566","assetPositions":[{"type":"oneWay","position":{"coin":"BTC","szi":"0.00015","leverage":{"type":"cross","value":5},"entryPx":"79449.2","positionValue":"11.9163","unrealizedPnl":"-0.00108","returnOnEquity":"-0.0004531197","liquidationPx":null,"marginUsed":"2.38326","maxLeverage":40,"cumFunding":{"allTime":"0.0","sinceOpen":"0.0","sinceChange":"0.0"}}}],"time":1769916002123}}}"#,
    r#"{"channel":"activeAssetData","data":{"user":"0x14791697260e4c9a71f18484c9f997b308e59325","coin":"BTC","leverage":{"type":"cross","value":20},"maxTradeSzs":["0.765349","0.74964"],"availableToTrade":["613.0","600.5"],"markPx":"77562.0"}}"#,
    r#"{"channel":"paperClock","data":{"timeNs":1769916002123456789,"speed":20.0,"instance":"a1"}}"#,
    r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"bbo","coin":"BTC"}}}"#,
    r#"{"channel":"error","data":"Already subscribed: {\"type\":\"bbo\"}"}"#,
    r#"{"channel":"pong"}"#,
    r#"{"channel":"user","data":{"fills":[]}}"#,
];

/// Bodies of `info`, each with its request's type.
pub(crate) const BODIES: &[(&str, &str)] = &[
    (
        "userFees",
        r#"{"dailyUserVlm":[],"userCrossRate":"0.00045","userAddRate":"-0.00001","activeReferralDiscount":"0.0"}"#,
    ),
    (
        "userRateLimit",
        r#"{"cumVlm":"2854574.593578","nRequestsUsed":2890,"nRequestsCap":2864574,"nRequestsSurplus":0}"#,
    ),
    (
        "candleSnapshot",
        r#"[{"t":1681923600000,"T":1681923659999,"s":"BTC","i":"1m","o":"29295.0","c":"29258.0","h":"29309.0","l":"29250.0","v":"0.98639","n":189},{"t":1681923660000,"T":1681923719999,"s":"BTC","i":"1m","o":"29258.0","c":"29260.0","h":"29309.0","l":"29250.0","v":"0.98639","n":189}]"#,
    ),
    (
        "frontendOpenOrders",
        r#"[{"coin":"BTC","side":"B","limitPx":"29792.0","sz":"5.0","oid":91490942,"timestamp":1681923600000,"origSz":"5.0","triggerCondition":"N/A","isTrigger":false,"triggerPx":"0.0","children":[],"isPositionTpsl":false,"reduceOnly":true,"orderType":"Limit","tif":"Gtc","cloid":null},{"coin":"ETH","side":"B","limitPx":"2979.21","sz":"5.0","oid":91490943,"timestamp":1681923600000,"origSz":"5.0"}]"#,
    ),
    (
        "l2Book",
        r#"{"coin":"BTC","time":1769916002123,"levels":[[],[{"px":"77559.0","sz":"0.1428","n":1}]]}"#,
    ),
    (
        "activeAssetData",
        r#"{"user":"0xb","coin":"BTC","leverage":{"type":"isolated","value":3,"rawUsd":"-1.0"},"maxTradeSzs":["0.0","0.74964"]}"#,
    ),
    (
        "clearinghouseState",
        r#"{"marginSummary":{"accountValue":"0.0","totalNtlPos":"0.0","totalRawUsd":"0.0","totalMarginUsed":"0.0"},"assetPositions":[],"time":1700000000280}"#,
    ),
    ("perpsAtOpenInterestCap", r#"["BADGER","kBTC","xyz:BTC"]"#),
    ("userFills", "[]"),
];

/// Answers of `exchange`.
pub(crate) const REPLIES: &[&str] = &[
    r#"{"status":"ok","response":{"type":"order","data":{"statuses":[{"resting":{"oid":77738308,"cloid":"0x00000000000000010000000000000002"}},{"filled":{"totalSz":"0.02","avgPx":"1891.4","oid":77747314}},{"error":"Order must have minimum value of $10. asset=0"},"success"]}}}"#,
    r#"{"status":"err","response":"Invalid nonce: duplicate nonce 5"}"#,
    r#"{"status":"ok","response":{"type":"default"}}"#,
];
