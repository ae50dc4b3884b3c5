package schema

import (
	"strings"
	"sync"
)

// wordSet is a list the rules look words up in.
type wordSet map[string]struct{}

func (w wordSet) has(word string) bool {
	_, found := w[word]
	return found
}

// words returns the set of the words in list, made at its first use: a program
// that records nothing must not pay for it when it starts.
func words(list string) func() wordSet {
	return sync.OnceValue(func() wordSet {
		set := make(wordSet, strings.Count(list, " ")+strings.Count(list, "\n"))
		for word := range strings.FieldsSeq(list) {
			set[word] = struct{}{}
		}
		return set
	})
}

// lookalikes maps letters and signs of other scripts to the ASCII they are
// mistaken for, as far as tokens, paths and keywords are disguised with them.
var lookalikes = sync.OnceValue(func() map[rune]rune {
	const from = "аеорсухіјѕԁһԛԝвкмнтАЕОРСУХІЈЅВКМНТΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαικνρτυχ∕⁄⧸╱⟋﹨∖⧹։∶ː﹕․。﹒ꓸ＠﹫‐‑‒–—−﹣＝﹦"
	const to = "aeopcyxijsdhqwbkmhtAEOPCYXIJSBKMHTABEZHIKMNOPTYXoaiknptux/////\\\\\\::::....@@-------=="
	table := map[rune]rune{}
	target := []rune(to)
	i := 0
	for _, r := range from {
		table[r] = target[i]
		i++
	}
	return table
})

// releaseWords are the identifiers a pre-release or a build may say.
var releaseWords = words(`
	alpha beta gamma delta rc pre preview prerelease dev devel next canary nightly weekly daily monthly snapshot
	exp experimental build sha git commit rev revision dirty release hotfix patch ci post final ga lts ea eap milestone
	test testing staging prod production local stable unstable edge insiders insider latest main master trunk head tip
	pr mr feature feat fix bugfix branch run job gh cd debug profile bench candidate internal unreleased draft wip
	linux darwin windows macos amd64 arm64 aarch64 x64 x86 musl gnu msvc universal static metal cuda rocm vulkan mlx cpu gpu
	deb rpm apk msi dmg brew snap nix docker rust go vendor meta ver version incompatible full lite min mini slim`)

// secretNouns name a secret when an operator and a value follow.
var secretNouns = words(`
	password passwd passphrase passcode pass passwort kennwort contrasena senha mdp secret token apikey apitoken otp totp pin
	credential credentials cookie sessionid jsessionid phpsessid authtoken accesstoken refreshtoken idtoken clientsecret
	secretkey privatekey accesskey authkey signingkey bearer jwt authorization sas cvv cvc ssn pat dbpass dbpassword userpass
	psk webhooksecret connectionstring pgpassword sshpass`)

// secretKeys are what makes a key a secret.
var secretKeys = words(`
	api access secret private encryption decryption signing signature master account storage license licence ssh deploy app
	application client service auth shared subscription webhook admin session server recovery gpg pgp jwt hmac aes rsa des
	wrapping unseal root host tls ssl cert certificate stripe openai anthropic google aws azure gcp github gitlab hf sendgrid
	wifi wpa network restic borg backup vault wireguard preshared pre security crypto cipher activation product serial
	x functions function maps bot integration ingest write read user team org project`)

// secretTails may follow the noun without changing what the name is for.
var secretTails = words(`base value id hash data text string prod production dev staging test live old new current default 0 1 2 3 v1 v2 b64 base64 hex plain plaintext`)

// runtimes may stand before a model's name and a colon.
var runtimes = words(`ollama vllm exo mlx mock embedded embedded-mlx embedded-cpu embedded-llama embedded-qwen llamacpp lmstudio
	openai anthropic google gemini mistral groq together openrouter azure bedrock vertex huggingface hf cpu gpu metal cuda rocm
	deepseek xai perplexity cohere fireworks replicate nvidia cerebras tgi sglang local candle onnx`)

// modelWords begin or make up the tags of model registries.
var modelWords = words(`
	latest instruct instruction chat base text code coder python sql math vision audio omni embed embedding embeddings rerank
	reranker tool tools function functions thinking think reasoning reasoner distill distilled merged merge lora qlora full lite
	light fast turbo pro max ultra nano tiny small mini medium micro large huge xl xxl xs plus flash haiku sonnet opus preview exp
	experimental beta alpha rc stable nightly edge cloud local custom default dev test prod tuned finetuned finetune it hf sft dpo
	rlhf kto orpo ppo rl en zh de fr es multi multilingual moe dense scout maverick terminus uncensored abliterated cl s
	dolphin mistral mixtral llama qwen gemma phi yi solar vicuna alpaca wizard hermes orca falcon deepseek granite
	starcoder codellama nemo r qat gguf awq gptq exl mlx onnx fp half quant quantized original standard main release speed
	minilm long short new old v c gpt o titan ministral pixtral magistral devstral codestral jamba glm kimi minimax`)

// cmdletVerbs are PowerShell's approved verbs and the usual unapproved ones.
var cmdletVerbs = words(`
	add approve assert backup block build checkpoint clear close compare complete compress confirm connect convert convertfrom
	convertto copy debug deny deploy disable disconnect dismount edit enable enter exit expand export find foreach format get
	grant group hide import initialize install invoke join limit lock measure merge mount move new open optimize out ping pop
	protect publish push read receive redo register remove rename repair request reset resize resolve restart restore resume
	revoke save search select send set show skip sort split start step stop submit suspend switch sync tee test trace unblock
	undo uninstall unlock unprotect unpublish unregister update use wait watch where write`)

// wrappers run what follows them, or are polite about it.
var wrappers = words(`sudo doas time nohup nice env exec command please kindly builtin watch xargs then now ok okay hey caro`)
