package schema

// topLevelDomains are the public ones in wide use and the private ones that
// networks name their machines with.
var topLevelDomains = words(`
	com org net edu gov mil int info biz name pro mobi museum aero coop travel jobs asia cat tel post arpa
	io ai co app dev sh cloud me tv xyz online site tech store shop blog page link live space website host hosting systems
	network digital agency studio design team work works tools solutions services software computer run codes events email chat
	social media news wiki zone world global group company inc ltd llc gmbh bank finance money health care school academy
	science engineering energy earth life top club fun games game play icu vip win bid loan men art gallery photo photos pics
	video film music band bar cafe pizza restaurant hotel tours city london berlin paris nyc tokyo google amazon aws azure
	zip mov day how new foo gg gl gd ly to ws fm am la so st vc cc ac ad ag im je
	eu uk us ca de fr it es pt nl be ch at se no fi dk is ie pl cz sk hu ro bg gr tr ru su ua by kz uz cn jp kr tw hk mo sg my th
	vn id ph in pk bd lk np mm kh au nz fj br ar cl mx pe ve ec uy bo py cr pa gt do pr cu za ng ke gh tz ug et eg ma dz tn ly il ps
	jo lb sy ir iq sa ae qa kw om ye lu li mc mt cy ee lv lt si hr rs ba mk al me md ge az mn va sm gi fo gs cx nu tk ml ga cf gq ci cm sn ne td bj tg bf cv rw bi mw mz zm zw bw na ls sz sc mu mg ao cd cg gn gm sl lr sd ss er dj ye om bh pf nc
	af bt mv la tl pg sb ki to ws sm fk gl gp mq re yt pm wf tf aq bv
	swiss cat bzh scot wales corsica quebec kiwi africa
	internal local lan corp home intranet test onion svc localdomain localhost example invalid private priv lab prod
	production staging cluster consul box workgroup hq office docker k8s node nodes vm fritz router gateway dmz bit domain
	loc lcl site int ec2 compute ipa mgmt mesh vpn ts tailnet guest wlan iot nas server servers dc pod pods namespace`)

// fileExtensions are those of files people and programs keep, in lower case.
// Some are top-level domains as well; isFileName decides between them.
var fileExtensions = words(`
	txt text md mdx markdown rst adoc asciidoc org tex bib log out err lst nfo readme diff patch rej orig
	doc docx docm dot dotx odt ott rtf pages pdf ps eps djvu epub mobi azw3 xps
	xls xlsx xlsm xlsb ods csv tsv numbers ppt pptx pptm odp key vsd vsdx drawio fig sketch xd psd ai svg indd
	json json5 jsonl ndjson jsonc yaml yml toml ini cfg conf config cnf properties props plist env envrc xml xsd xsl xslt html htm
	xhtml css scss sass less styl js mjs cjs jsx ts mts cts tsx vue svelte astro map wasm
	py pyc pyi pyx pyw ipynb rb erb rake gemspec php phtml pl pm t lua tcl r rmd jl m mat nb
	c h cc cpp cxx hpp hh hxx cu cuh s asm o a so ko dll dylib lib obj exe bat cmd ps1 psm1 psd1 vbs wsf reg msi msix
	go mod sum rs rlib java class jar war ear kt kts scala sc sbt clj cljs edn groovy gradle cs csx csproj fs fsx vb vbproj sln
	swift mm xcodeproj pbxproj storyboard xib nib strings entitlements dart ex exs erl hrl hs lhs ml mli nim zig v vhd vhdl sv cr d
	sh bash zsh fish ksh csh awk sed command service timer socket desktop rc profile bashrc zshrc
	sql sqlite sqlite3 sqlitedb db db3 mdb accdb dbf ldb dump bson rdb frm ibd wal dat data bin raw img iso dmg vmdk vdi vhdx qcow2 ova
	zip tar gz tgz bz2 tbz xz txz zst lz lz4 lzma 7z rar cab deb rpm apk aab ipa pkg snap flatpak appimage whl egg gem crate nupkg
	jpg jpeg png gif bmp tif tiff webp heic heif avif ico icns raw cr2 cr3 nef arw dng jfif jp2 tga exr hdr
	mp3 wav flac ogg oga opus m4a aac wma aiff mid midi mp4 m4v mkv avi mov wmv flv webm mpg mpeg 3gp srt vtt sub ass
	eml emlx msg pst ost mbox vcf ics vcs ldif
	pem crt cer der p7b p7c p7s p12 pfx jks keystore kdbx kdb ppk pub asc gpg pgp sig csr crl ovpn rdp pcap pcapng har cap jwk jwt
	age kubeconfig tfstate tfvars tf tfplan hcl nomad pkr eyaml sops vault cue rego bicep
	lock pid sock swp swo bak backup old tmp temp cache part crdownload torrent lnk url webloc crash dmp core heapsnapshot prof pprof trace
	stackdump mdmp evtx etl
	gguf ggml safetensors onnx pt pth ckpt h5 hdf5 keras tflite pb npz npy pkl pickle joblib parquet feather arrow avro orc mlmodel
	bam sam fastq fasta fa vcf bed gff nii dcm shp kml kmz gpx geojson las tfrecord stl step stp dwg dxf blend fbx glb gltf usd usdz
	proto thrift graphql gql avsc wsdl raml http rest feature robot spec snapshot snap golden tmpl tpl j2 jinja jinja2 ejs hbs mustache
	ttf otf woff woff2 eot fon po pot mo xlf xliff resx keychain keychain-db gitignore dockerignore npmrc netrc editorconfig
	dockerfile makefile cmake mk ninja bzl bazel bp nix lisp el scm rkt
	mdf ldf bacpac qbw qbb tax2023 tax2024 ofx qfx gnucash numbers wallet sav save rpp als flp`)
