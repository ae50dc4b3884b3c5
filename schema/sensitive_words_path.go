package schema

// topDirectories are first parts of relative paths: those of systems, homes,
// projects and offices. No organisation publishes models under one of them.
var topDirectories = words(`
	bin sbin boot dev etc home lib lib32 lib64 libexec media mnt opt proc root run srv sys tmp temp usr var private cores snap nix gnu
	users volumes applications system library windows winnt program programs programdata appdata inetpub perflogs cygwin64 msys64
	desktop documents document downloads download pictures music movies videos photos templates public dropbox onedrive icloud
	googledrive gdrive sites mail inbox outbox sent drafts
	src source sources include includes cmd pkg internal api apis app apps web www wwwroot htdocs html static assets asset images img
	css js fonts styles scripts script tools tool utils util helpers hack misc contrib third_party third-party external externals
	vendor node_modules bower_components packages modules module plugins plugin components crates libs deps dep
	test tests testing testdata spec specs fixtures mocks __tests__ e2e integration examples example samples sample demo demos
	docs doc documentation man notes wiki build builds dist out output outputs target targets release releases debug obj artifacts
	config configs configuration conf conf.d settings env envs environments secrets credentials creds keys certs ssl tls pki
	data dataset datasets database databases db sql dump dumps migrations seeds schema schemas models model checkpoints weights
	log logs cache caches backup backups bak archive archives old trash tmpfs scratch spool queue state
	deploy deployment deployments terraform ansible helm charts chart k8s kubernetes manifests kustomize overlays docker compose ci
	.github .git infra infrastructure ops playbooks roles inventory inventories group_vars host_vars hieradata puppet salt
	work workspace workspaces projects project repos repo repository repositories git svn code dev go rust python java ruby
	clients client customers customer contracts contract invoices invoice payroll hr legal finance accounting taxes tax reports report
	meetings presentations sales marketing patients patient medical family personal shared share transfer uploads upload import export
	imports exports incoming outgoing attachments letters cv resume bank insurance
	views controllers services service handlers middleware routes pages layouts hooks store stores reducers entities domain server
	frontend backend client_side ui gui cli core common proto protos generated gen locales locale i18n lang translations themes theme
	notebooks notebook experiments runs results figures plots papers thesis lectures homework assignments exercises
	android ios macos linux node runtime wp-content wp-admin wp-includes mods saves games steamapps site-packages dist-packages
	venv virtualenv env3 target-debug cellar homebrew etcd kubelet containers overlay2 volumes1 storage sdcard dcim camera screenshots`)

// leafNames are second parts that make two parts a path.
var leafNames = words(`
	bin sbin src lib libs etc tmp temp var usr home opt node_modules dist docs doc tests testdata spec fixtures scripts config configs conf
	secrets credentials creds keys certs logs log cache backup backups archive uploads downloads documents desktop pictures invoices
	payroll salaries contracts passwd shadow sudoers hosts hostname crontab fstab motd environ cmdline
	makefile dockerfile containerfile jenkinsfile vagrantfile gemfile rakefile procfile podfile brewfile readme license changelog authors
	id_rsa id_dsa id_ecdsa id_ed25519 authorized_keys known_hosts packages vendor internal pkg cmd overlays manifests migrations
	charts templates static assets public private share www html htdocs`)

// leafFiles are well-known files without an extension.
var leafFiles = words(`
	Makefile makefile GNUmakefile Dockerfile Containerfile Jenkinsfile Vagrantfile Gemfile Rakefile Procfile Podfile Brewfile
	Fastfile Justfile justfile Tiltfile Earthfile Caddyfile Pipfile Cargofile BUILD WORKSPACE CODEOWNERS README LICENSE LICENCE
	CHANGELOG NOTICE AUTHORS CONTRIBUTORS COPYING TODO INSTALL MAINTAINERS
	id_rsa id_dsa id_ecdsa id_ed25519 id_xmss id_ecdsa_sk id_ed25519_sk identity.pub authorized_keys authorized_keys2 known_hosts ssh_config sshd_config
	ssh_host_rsa_key ssh_host_ed25519_key ssh_host_ecdsa_key htpasswd passwd shadow gshadow sudoers fstab crontab resolv.conf nsswitch.conf kubeconfig
	bash_history zsh_history bashrc zshrc vimrc gitconfig netrc npmrc pgpass desktop.ini Thumbs.db NTUSER.DAT ntuser.dat pagefile.sys hiberfil.sys SAM`)
