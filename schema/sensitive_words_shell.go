package schema

// programs are commands whose arguments belong to them.
var programs = words(`
	ls ll la dir cd pwd pushd popd cat tac less more head tail tee nl wc sort uniq cut paste join comm tr sed awk gawk grep egrep
	fgrep rg ag ack find fd locate which whereis type file stat touch cp mv rm rmdir mkdir ln readlink realpath basename dirname
	chmod chown chgrp chattr lsattr umask getfacl setfacl xattr du df mount umount lsblk blkid fdisk parted mkfs mkfs.ext4 mkfs.xfs
	mkfs.vfat mkfs.ntfs mkswap swapon swapoff fsck dd sync shred wipe truncate split csplit tar gzip gunzip zcat bzip2 xz zstd zip unzip 7z rar
	unrar ar cpio rsync scp sftp ftp ssh ssh-keygen ssh-copy-id ssh-add telnet nc ncat netcat socat curl wget aria2c httpie http https
	ping ping6 traceroute tracepath mtr dig nslookup whois arp route netstat ss ifconfig iwconfig iw nmcli nmap tcpdump tshark
	iptables ip6tables nft ufw firewall-cmd ps top htop kill killall pkill pgrep nice renice jobs fg bg nohup disown watch timeout
	sleep time date cal uptime who w whoami id groups users last su sudo doas passwd useradd userdel usermod adduser deluser groupadd
	visudo chsh chroot crontab batch systemctl service journalctl dmesg launchctl loginctl hostnamectl timedatectl sysctl modprobe
	lsmod insmod rmmod lspci lsusb lscpu lshw dmidecode free vmstat iostat sar lsof strace ltrace gdb lldb perf valgrind
	apt apt-get apt-cache aptitude dpkg yum dnf rpm zypper pacman yay apk emerge brew port snap flatpak choco winget scoop nix nix-env
	pip pip3 pipx uv poetry conda mamba npm npx yarn pnpm bun deno node python python2 python3 ruby gem bundle rails rake perl
	php composer java javac mvn gradle ant kotlin scala sbt go gofmt cargo rustc rustup gcc g++ clang cc make cmake ninja bazel meson
	git gh glab hg svn cvs docker docker-compose podman buildah skopeo kubectl helm minikube kind k9s kustomize oc eksctl kubeadm
	terraform tofu terragrunt pulumi ansible ansible-playbook vagrant packer vault consul nomad aws az gcloud gsutil doctl flyctl fly
	heroku vercel netlify wrangler firebase supabase serverless psql mysql mysqldump mariadb pg_dump pg_restore sqlite3 mongo mongosh
	redis-cli cqlsh influx clickhouse-client sqlcmd vim vi nvim nano emacs ed ex code subl open xdg-open pbcopy pbpaste xclip say
	echo printf read eval exec source test expr bc seq yes true false alias unalias history fc complete bind trap wait exit return
	if for while until case function select begin repeat foreach tmux screen zellij byobu ffmpeg ffprobe convert magick mogrify
	exiftool pandoc latex pdflatex pdftotext gs jq yq xq xmllint base64 xxd hexdump od strings md5sum md5 sha1sum sha256sum shasum cksum
	openssl gpg age keytool certbot pass op security defaults diskutil hdiutil softwareupdate pmset networksetup scutil dscl csrutil
	spctl codesign xcodebuild xcrun plutil mdfind mdls tmutil osascript bash sh zsh fish ksh dash csh tcsh pwsh powershell cmd
	del erase copy move ren rename md rd xcopy robocopy attrib icacls takeown format diskpart chkdsk sfc reg regedit schtasks tasklist
	taskkill net netsh ipconfig nbtstat wmic sc shutdown reboot halt poweroff init telinit setenforce getenforce semanage restorecon
	smartctl hdparm nvme badblocks e2fsck tune2fs resize2fs lvcreate lvextend vgcreate pvcreate mdadm zfs zpool btrfs cryptsetup
	virsh qemu-system-x86_64 VBoxManage multipass lxc lxd nspawn unshare nsenter bwrap fakeroot xargs parallel pv bat exa eza
	tree ncdu fzf zoxide entr tldr man info apropos finger write wall mail mutt sendmail lp lpr lpq cups gsettings dconf
	mlflow jupyter sbatch squeue sacct srun scancel qsub mpirun module spark-submit hdfs hadoop yarn kafka-topics celery gunicorn
	uvicorn flask django-admin manage.py artisan nginx apachectl caddy haproxy supervisorctl pm2 adb fastboot swift dart flutter
	zig nim ghc cabal stack mix iex elixir erl julia R Rscript octave stty tput clear reset script expect zmv autoload vared string print funced`)

// requests begin what people ask for in words.
var requests = words(`
	show list find search locate look get fetch give tell display print view see read check verify test inspect examine monitor
	watch count sum total calculate compute measure compare diff sort order group filter extract parse split join merge combine
	concatenate append prepend insert add create make generate build compile write edit modify change update upgrade replace
	substitute rename move copy duplicate clone backup back restore recover undo redo revert delete remove erase wipe clean clear
	empty purge prune trim truncate drop destroy kill stop start restart reload reboot shutdown suspend resume pause enable disable
	activate turn switch toggle set unset configure setup install uninstall deploy run execute launch open close lock unlock hide
	unhide mute unmute download upload send share sync transfer push pull commit stage stash rebase tag release archive compress
	decompress zip unzip unpack pack tar extract encrypt decrypt sign hash encode decode convert transform translate format mount
	unmount eject partition resize scan ping trace connect-to query resolve lookup-all log tail follow schedule cancel queue retry
	rotate resample crop record capture play stream fix repair debug diagnose analyze analyse optimize profile benchmark explain
	describe summarize summarise document help what which who whom whose where when why how is are am was were do does did has have
	i we you let lets can't don don't grant revoke allow deny block permit forbid chmod chown own assign export import load
	save store keep dump flush empty free allocate reserve scale fork bomb overwrite fill shrink grow expand zero recursively
	force quickly safely only same also again now use try ship call email text message notify alert remind book pay buy order ask
	all every any please ignore disregard forget pretend act
	go bring take put pick select choose change switch reset rebuild reinstall refresh regenerate validate lint organize organise
	clean-up tidy sort-by collect gather identify detect determine calculate estimate guess draw plot chart visualize render`)
