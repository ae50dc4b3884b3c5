package schema

import (
	"strings"
	"testing"
)

// ruleExamples are the true and the false positives of every rule. Values are
// templates (see assemble); no token is written down whole. A true positive
// must be refused by exactly this rule, a false positive must pass this rule:
// it is legal or another's.
var ruleExamples = map[string]struct{ found, passed []string }{
	"url-userinfo": {
		[]string{"https://kim:pw@host.example", "HTTPS://A:B@H/", "ftp://kim@files.example/x", "//u:p@host/x", "amqp://:p@mq", "jdbc:oracle:thin:kim/pw@db"},
		[]string{"https://host.example/@kim", "kim@host.example", "Qwen/Qwen2.5-7B", "//nas/share"},
	},
	"url-secret-parameter": {
		[]string{"https://h/x?access_token=1", "https://h/x?a=1&sig=2", "https://h/cb#id_token=1", "https://h/?X-Amz-Signature=1", "https://h/x?api-key=1"},
		[]string{"https://h/x?page=2", "https://h/x?key=", "inference?monkey=1"},
	},
	"url-webhook": {
		[]string{"https://hooks.sl" + "ack.com/services/T1/B1/x", "dis" + "cord.com/api/webhooks/1/x", "https://api.tele" + "gram.org/bot1:A/x"},
		[]string{"https://slack.com/help", "webhook_sender", "hooks/slack"},
	},
	"secret-vendor-token": {
		[]string{"gh" + "p_{base62:36}", "gl" + "pat-{base62:20}", "AK" + "IA{base32:16}", "AK\u200b" + "IA{base32:16}", "model-h" + "f_{base62:34}", "s" + "k-{base62:48}",
			"xo" + "xb-{digits:12}-{base62:20}", "py" + "pi-AgEI{base64url:40}", "ey" + "JhbGciOiJub25lIn0.e30", "gh" + "p_{repeat:0:36}"},
		[]string{"hf-org/model-7b", "sk-learn-tiny", "npm_hint", "ghp_planner", "key-value-7b", "xai-org/grok-1", "pat-retriever-1b", "re_rank", "age1-7b", "AKIA"},
	},
	"secret-key-block": {
		[]string{"-----BEGIN" + " OPENSSH PRIVATE KEY-----", "-----BEGIN" + " CERTIFICATE-----", "PuTTY-User-Key-File-3: ssh-ed25519", `{"private_key": "x"}`},
		[]string{"private_key_loader", "begin", "-----"},
	},
	"secret-assignment": {
		[]string{"Password:hunter2", "api_key=x", "clientSecret: x", "--token abc", "my passphrase is open", "DB_PASS: x", "secret/hunter2", `"token":"x"`, "AWS_SECRET_ACCESS_KEY=x", "X-API-Key: x"},
		[]string{"monkey-coder:3b", "tokenizer", "E_KEYRING", "INVALID_API_KEY", "hotkey:7b", "secretary-lm:2b", "TOKENIZERS_PARALLELISM=false", "PWD=/srv", "KEYMAP=de",
			"reset my password", "token_counter", "keyboard/llm", "password_prompt", "SSH_AUTH_SOCK=/tmp/s"},
	},
	"secret-authorization": {
		[]string{"Bearer abc123def", "Bearer fake-token-1", "authenticate with Basic ZmFrZTpub3Q", "got Digest abcdEFGH12"},
		[]string{"basic functionality", "bearer", "BasicModel-7B", "bearer of news"},
	},
	"decoded": {
		[]string{"L2V0Yy9ob3N0cw", "cm0gLXJmIC4v", "model-L2hvbWUvZXJpbi94", "2f6574632f686f737473", "F5SXIYZPNBXXG5DTEAQA", "bABzACAALQBsAGEA"},
		[]string{"biotempy", "bilibili-live", "codellama", "AAAAAAAA", "DeepSeek-Coder", "cafebabe", "Instruct", "PASSWORD_PROMPT", "23384069"},
	},
	"secret-random": {
		[]string{"{base62:24}", "{base62:40}", "{hex:32}", "{hex:40}", "{base32:32}", "{base64url:43}", "qwen2.5-coder:{hex:40}", "{lower36:32}", "qvzhmzexbiekfdfe", "{digits:9}:AA{base62:33}"},
		[]string{"CONTEXT_LENGTH_EXCEEDED", "DangerousPatternMatchedInCommand", "HuggingFaceTB/SmolLM2-1.7B-Instruct", "functiongemma", "loongarch64", "armv7-unknown-linux-gnueabihf",
			"deepseek-coder-v2:16b-lite-instruct-q4_K_M", "claude-3-5-sonnet-20241022"},
	},
	"secret-groups": {
		[]string{"AB12C-9XK3D-77QWE", "A1B2-C3D4-E5F6-G7H8", "S23L3-7TBP2-VWMDX-ABDGX-I8YLX"},
		[]string{"gpt-4o-2024-08-06", "x86_64-unknown-linux-musl", "llama3-8b-q4", "OLMo-2-1124-7B-Instruct"},
	},
	"secret-unknown-uuid": {
		[]string{"550e8400-e29b-11d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000", "user-550e8400-e29b-41d4-a716-446655440000"},
		[]string{"a-b-c-d-e", "550e8400-e29b-41d4-a716-44665544000"},
	},
	"email-address": {
		[]string{"kim@host.example", "KIM@HOST", "mailto:kim@host.example", "Kim <kim@host.example>", "kim&#64;host.example", "kim\u200b@host.example", "ACME\\kim@corp"},
		[]string{"pkg@1.2.3", "embedded-mlx@/Users/x", `PS1=\u@\h`, "@", "a @ b"},
	},
	"ip-v4": {
		[]string{"10.1.2.3", "ollama-10.1.2.3", "10.1.2.3:8080", "0300.0250.0001.0005", "1.1.0+10.1.2.3", "10[.]1[.]2[.]3", "10.1\u2060.2.3", "0x7f.0x0.0x0.0x1", "１０.１.２.３"},
		[]string{"10.1.2", "1.1.0-beta.2+build.7", "Phi-3.5-mini", "2026.11.23.1", "v0.3"},
	},
	"ip-v4-dashed": {
		[]string{"ip-10-1-2-3", "node_10_1_2_3", "10-1-2-3"},
		[]string{"claude-3-5-sonnet", "OLMo-2-1124-7B", "gpt-4-2024-04-09", "1-2-3", "ip-10-1-2-3.ec2.internal"},
	},
	"ip-v4-number": {[]string{"3232235777", "2130706433", "127.1"}, []string{"1234", "0123456789", "3.14"}},
	"ip-v6": {
		[]string{"::1", "fe80::1%eth0", "2001:db8::5", "[2001:db8::5]:443", "::ffff:a01:203", "1:2:3:4:5:6:7:8", "ollama:fe80::1", "::", "[::]:80", "2001:db8::/32"},
		[]string{"std::env", "foo::bar", "12:34:56", "llama3:8b", "FOO ::= bar", "src/main.rs:42:5"},
	},
	"ip-mac": {
		[]string{"00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e", "aa-bb-cc-dd-ee-ff"},
		[]string{"a-b-c-d-e-f", "550e8400-e29b-41d4", "2026-11-23"},
	},
	"path-rooted": {
		[]string{"/etc/hosts", "~", "~erin/x", ".env", "./x", "..", "C:/x", `D:\x`, `\\nas\x`, "file:///x", "HKEY_USERS\\x", "%TEMP%\\x", "$HOME/x", "a/../b", "／etc／x", "%2Fetc%2Fx"},
		[]string{"Qwen/Qwen2.5", "llama3.2:3b", "1.1.0", "c:x", "~/bin/x;id"},
	},
	"path-in-text": {
		[]string{"failed at /home/erin/x", "open /etc/x: permission denied", "wrote ./dist", "local:/models/x", `foo\bar\baz`, "panicked at src/x/y.rs:8:1", "E1001:/etc/x", "x@/Users/y"},
		[]string{"rm -rf /tmp/x", "show files in /tmp", "FOO=/x", "$PATH", "%PATH%", "see https://host.example/x"},
	},
	"path-nested": {
		[]string{"a/b/c", "src/x/y", "foo/", "www/x/"},
		[]string{"org/name", "org/name:7b", "host.example/a/b", "https://h/x", "db:5432/a/b"},
	},
	"path-directory": {
		[]string{"tmp/out", "Documents/plan", "home/erin", "acme/node_modules", "proj/Makefile", "Users/erin"},
		[]string{"Qwen/Qwen2.5", "library/llama3", "bigcode/starcoder", "apple/OpenELM-270M", "microsoft/phi-2"},
	},
	"path-file-name": {
		[]string{"main.rs", "main.go:12", "cv.docx", "family photo.jpg", "*.py", "id_rsa", "Makefile", "x.tar.gz", "error.log.1", "model.Q4_K_M.gguf"},
		[]string{"telemetry.caro.sh", "Phi-3.5-mini", "1.1.0", "file document.pdf", "makefile_parser", "github.com"},
	},
	"env-assignment": {
		[]string{"FOO=bar", "export A=b", "unset HISTFILE", "ollama HOME=x", "FOO += x", "set -gx EDITOR vi", "HOME\uff1dx", "Environment: USER=x", "setx A b"},
		[]string{"export the table", "set the clock", "x=$(id)", "a==b", "--flag=x", "{base64url:10}AA=="},
	},
	"env-reference": {
		[]string{"$USER", "${TMPDIR}", "%USERNAME%", "$env:TEMP", "process.env.HOME", `os.environ["X"]`, "${{ env.A }}", "%~dp0", "%1", "$(USER)"},
		[]string{"$$", "$?", "$PSVersionTable", "echo $PATH", "$(whoami)", "environment", "wget${IFS}h"},
	},
	"hostname-url": {[]string{"http://localhost/x", "grpc://svc", "s3://bucket/x"}, []string{"http", "curl http://x/y", "a:b"}},
	"hostname-domain": {
		[]string{"db01.internal", "host.example", "a.b-c.example.org", "host.example.", "1.1.0+host.example", "lookup x.lan refused", "ssh bastion.host.example", "host．example"},
		[]string{"session.resumed", "llama3.2", "Phi-3.5-mini", "v0.1.Q4_K_M", "1.1.0-rc.1"},
	},
	"hostname-port": {[]string{"db:5432", "localhost:11434", "db:5432/shop"}, []string{"llama3:8b", "phi3:3.8b", "x:123456", "model:v1"}},
	"hostname-device": {
		[]string{"DESKTOP-7F3K2Q1", "LAPTOP-4T7WZ0PB", "WIN-7G5H3J2K1L0", "Kims-MacBook-Pro", "MacBook-Pro-von-Kim", `ACME\svc`, "ollama-DESKTOP-7F3K2Q1"},
		[]string{"desktop-7b", "WIN_ERROR", "macbook_probe", "organizer-iphone09", "laptop-lm-3b", `foo\bar`},
	},
	"command-cmdlet": {
		[]string{"Get-Process", "New-LocalUser", "ConvertTo-Json", "Invoke-Command", "Export-VM"},
		[]string{"Open-Instruct", "DeepSeek-Coder", "Get-it", "get-process", "Phi-Mini", "Merge-7B"},
	},
	"command-words": {
		[]string{"ls -la", "show my files", "why is it slow", "cat /etc/hosts", "ssh kim@host.example", "git push origin main", "Get-Content C:\\x", "patient 4411 chart"},
		[]string{"ls", "inference", "a\u200bb"},
	},
	"command-shell": {
		[]string{"ls|wc", "&&ls", "$?", "2>&1", "`id`", "{ls,-la}", "-rf", "x=$(id)", "!!", "~/bin/x;id"},
		[]string{"ls", "e2e", "日本"},
	},
}

func TestRulesKnowTheirExamples(t *testing.T) {
	for i := range detectorRules {
		rule := &detectorRules[i]
		examples, found := ruleExamples[rule.id]
		if !found || len(examples.found) < 2 || len(examples.passed) < 2 {
			t.Errorf("rule %s has too few examples", rule.id)
		}
		for n, pattern := range examples.found {
			v := Inspect("/x", template(t, pattern))
			if v == nil || v.Rule != rule.id || rule.category != "" && v.Category != rule.category {
				t.Errorf("rule %s, true positive %d (%s): got %v", rule.id, n, pattern, v)
			}
		}
		for n, pattern := range examples.passed {
			value := template(t, pattern)
			s := newSubject(value, inCharset(value), 0)
			s.judge = judge
			if rule.find(s) != "" {
				t.Errorf("rule %s, false positive %d (%s): matched", rule.id, n, pattern)
			}
		}
	}
	if len(ruleExamples) != len(detectorRules) {
		t.Errorf("%d rules have examples, %d exist", len(ruleExamples), len(detectorRules))
	}
}

func TestRulesStandInTheOrderOfTheContract(t *testing.T) {
	rank := map[Category]int{}
	for i, c := range Categories() {
		rank[c] = i
	}
	last, seen := 0, map[string]bool{}
	for _, r := range detectorRules {
		if seen[r.id] || strings.TrimLeft(r.id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("rule id %s is not a constant of its own", r.id)
		}
		seen[r.id] = true
		if r.category == "" {
			continue
		}
		if rank[r.category] < last {
			t.Errorf("rule %s of category %s comes too late", r.id, r.category)
		}
		last = rank[r.category]
	}
}
