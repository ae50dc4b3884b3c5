package schema

// vendorFormats are the token formats their issuers publish. Prefixes are
// separated by spaces; a body is shorter than the real one where a cut token
// would still be worth something.
func vendorFormats() []vendorToken {
	const url = "_-"
	return []vendorToken{
		// Source hosting and build services.
		{"ghp_ gho_ ghu_ ghs_ ghr_", 16, "_", false},
		{"github_pat_", 16, "_", false},
		{"glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- gloas- glffct- GR1348941", 16, "_-.", false},
		{"ATATT3 ATCTT3 ATBB ATOA", 20, "_-=", false},
		{"bkua_ bkpat_", 16, "", false}, {"CCIPAT_ CCIPRJ_", 16, "_", false}, {"ccpat_", 16, "_", false},
		{"sqp_ squ_ sqa_ sgp_ sgd_ slk_", 20, "_", false}, {"gho-", 30, "", false},
		{"npm_ nuget_ oy2", 30, "", false}, {"pypi-A", 16, url, false}, {"rubygems_ cio", 32, "", false},
		{"dckr_pat_ dckr_oat_", 16, url, false}, {"CLOJARS_", 20, "", false}, {"AKCp cmVmdGtu", 30, "", false},
		// Clouds.
		{"AKIA ASIA ABIA ACCA AROA AIDA AGPA AIPA ANPA ANVA APKA ASCA", 12, "", false},
		{"ABSK bedrock-api-key-", 20, "+/=", false},
		{"A3T", 16, "", true}, {"AIza", 24, url, false}, {"ya29. 1//0 1//1", 12, url, false}, {"GOCSPX-", 12, url, false},
		{"LTAI", 12, "", false}, {"AKID", 20, "", false}, {"AQVN AQAAAA", 24, url, false}, {"y0_ y1_ t1.", 24, "_-.", false},
		{"dop_v1_ doo_v1_ dor_v1_", 20, "", false}, {"FlyV1 fm1_ fm1r_ fm2_ fo1_", 16, "_-+/=", false},
		{"HRKU-", 16, url, false}, {"ocid1.", 30, "._-", false}, {"scw_ SCW", 16, "", true}, {"tskey-", 12, url, false},
		{"tk-us-", 20, url, false}, {"vercel_ vcp_ vci_ vck_", 20, "", true}, {"nfp_ nfc_ nfo_ nfu_ nfb_", 20, "", false},
		{"rnd_", 20, "", true}, {"pscale_tkn_ pscale_pw_ pscale_oauth_ pscale_pat_", 16, "_-.=", false},
		{"sbp_ sb_secret_ sb_publishable_", 16, url, true}, {"pul-", 30, "", true}, {"pnu_ pnb_", 30, "", false},
		{"cf_ cfut_ cfat_ v1.0-", 30, url, true}, {"hvs. hvb. hvr.", 16, url, false}, {"s. b. r.", 24, "", true},
		{"napi_ neon_", 24, "", true}, {"xau_", 20, "", true}, {"railway_ rw_Fe26.", 16, "_-*.", true},
		// Chat, mail, telephone.
		{"xoxb- xoxp- xoxa- xoxe- xoxr- xoxs- xoxo- xoxc- xoxd- xoxe.", 10, "-.%", false},
		{"xapp- xwfp-", 10, "-", false}, {"SG.", 16, "_-.", false}, {"key-", 32, "", false},
		{"xkeysib- xsmtpsib-", 16, "-", false}, {"re_", 16, "_", true}, {"mlsn.", 20, "", false}, {"MTk MTA MTE MTI OTk NDk", 24, "_-.", true},
		{"mfa.", 30, url, false}, {"EAAC EAAG EAAB EAAI EAAJ EAAM", 24, "", true}, {"IGQV", 24, "_-", false},
		// Money and shops.
		{"sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ pk_live_ pk_test_ whsec_", 8, "_", false},
		{"sq0atp- sq0csp- sq0idp-", 16, url, false}, {"EAAAE EAAAl EAAAF", 24, url, true},
		{"shpat_ shpss_ shpca_ shppa_ shptka_ shpua_", 16, "", false}, {"rzp_live_ rzp_test_", 10, "", false},
		{"access-production- access-sandbox- access-development-", 16, "-", true}, {"FLWSECK_TEST- FLWSECK-", 12, "-", false},
		{"EZAK EZTK", 30, "", true}, {"live_ test_", 30, "", true}, {"duffel_live_ duffel_test_", 20, url, false},
		{"fio-u-", 20, url, false}, {"CFPAT-", 20, url, false}, {"shippo_live_ shippo_test_", 20, "", false},
		// Models.
		{"sk-ant- sk-proj- sk-svcacct- sk-admin- sk-None- sk-or- sk-lf- pk-lf-", 16, url, false},
		{"sk-", 20, "", false}, {"hf_ api_org_", 16, "", false}, {"r8_", 20, "", false}, {"gsk_", 20, "", false},
		{"pplx- xai- csk- tvly- fw_ fw-", 20, "_", true}, {"nvapi-", 20, url, false}, {"pcsk_", 20, "_", false},
		{"lsv2_pt_ lsv2_sk_ ls__", 16, "_", true}, {"pa-", 24, url, true}, {"jina_ fc- e2b_ v1.CmM", 24, url, true},
		// Work and watching.
		{"lin_api_ lin_oauth_", 16, "", false}, {"secret_ ntn_", 24, "", true}, {"figd_ figo_ figu_", 16, url, false}, {"PMAK- PMAT-", 16, "-", false},
		{"NRAK- NRJS- NRII- NRRA- NRBR-", 12, url, false}, {"glc_ glsa_", 16, "_+/=", false}, {"sntrys_ sntryu_ sntrya_", 16, "_-=+/", false},
		{"dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", 16, "._-", false}, {"dapi dkea dose", 30, "-", true},
		{"dt0c01. dt0s01.", 16, ".", false}, {"phc_ phx_ phs_", 20, "", true}, {"ops_", 24, "_-=", true}, {"A3- A4-", 24, "-", true},
		{"pat- pat. patA patB patC patk patR patw pat_", 24, ".-", true}, {"rdme_", 24, "", false}, {"sm_aat_ sm_pat_ sm_sat_", 12, "", false},
		{"tfp_", 24, url, false}, {"sdk- mob- api-", 36, "-", true}, {"pk.eyJ sk.eyJ tk.eyJ", 8, "_-.", false}, {"aio_", 24, "", true},
		{"ico- sl. sl.B sl.u", 28, url, true}, {"ddp_ ddw_", 30, "", false}, {"cal_live_ cal_", 28, "", true}, {"PAT-", 30, "", true},
		{"hooks_ wbhk_ doppler_ dd_ ddapi_", 28, "", true}, {"esecret_ ek_live_", 16, "_", true},
		// Signed tokens, wallets, keys.
		{"eyJ eyI", 10, "_-.", false}, {"v2.local. v2.public. v3.local. v3.public. v4.local. v4.public.", 12, url, false},
		{"age1", 30, "", false}, {"AGE-SECRET-KEY-", 8, "", false}, {"xprv xpub yprv zprv", 40, "", false}, {"0x", 32, "", false},
		{"nsec1 npub1", 30, "", false}, {"Fe26.2", 16, "*_-", false}, {"RWQ", 40, "+/=", true}, {"H4sI", 16, "+/=_-", false},
	}
}
