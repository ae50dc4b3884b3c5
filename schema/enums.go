package schema

// The enumerations of the contract. Each type has a Values method that lists
// what may be said, in the order of its schema.

// OS is an operating system.
type OS string

// Every OS of the contract.
const (
	OSMacOS   OS = "macos"
	OSLinux   OS = "linux"
	OSWindows OS = "windows"
	OSUnknown OS = "unknown"
)

// Values lists every OS.
func (OS) Values() []OS {
	return []OS{OSMacOS, OSLinux, OSWindows, OSUnknown}
}

// Arch is a processor architecture.
type Arch string

// Every Arch of the contract.
const (
	ArchAArch64 Arch = "aarch64"
	ArchX8664   Arch = "x86_64"
	ArchARM     Arch = "arm"
	ArchUnknown Arch = "unknown"
)

// Values lists every Arch.
func (Arch) Values() []Arch {
	return []Arch{ArchAArch64, ArchX8664, ArchARM, ArchUnknown}
}

// Shell is a command shell.
type Shell string

// Every Shell of the contract.
const (
	ShellBash       Shell = "bash"
	ShellZsh        Shell = "zsh"
	ShellFish       Shell = "fish"
	ShellSh         Shell = "sh"
	ShellPowerShell Shell = "powershell"
	ShellCmd        Shell = "cmd"
	ShellUnknown    Shell = "unknown"
)

// Values lists every Shell.
func (Shell) Values() []Shell {
	return []Shell{ShellBash, ShellZsh, ShellFish, ShellSh, ShellPowerShell, ShellCmd, ShellUnknown}
}

// Backend is what runs a model.
type Backend string

// Every Backend of the contract.
const (
	BackendEmbeddedMLX Backend = "embedded-mlx"
	BackendEmbeddedCPU Backend = "embedded-cpu"
	BackendOllama      Backend = "ollama"
	BackendVLLM        Backend = "vllm"
	BackendExo         Backend = "exo"
	BackendMock        Backend = "mock"
)

// Values lists every Backend.
func (Backend) Values() []Backend {
	return []Backend{BackendEmbeddedMLX, BackendEmbeddedCPU, BackendOllama, BackendVLLM, BackendExo, BackendMock}
}

// RiskLevel says how dangerous a command was found.
type RiskLevel string

// Every RiskLevel of the contract.
const (
	RiskSafe     RiskLevel = "safe"
	RiskModerate RiskLevel = "moderate"
	RiskHigh     RiskLevel = "high"
	RiskCritical RiskLevel = "critical"
)

// Values lists every RiskLevel.
func (RiskLevel) Values() []RiskLevel {
	return []RiskLevel{RiskSafe, RiskModerate, RiskHigh, RiskCritical}
}

// ExecutionMode says how a command came to be carried out.
type ExecutionMode string

// Every ExecutionMode of the contract.
const (
	ExecutionConfirmed   ExecutionMode = "confirmed"
	ExecutionAutoConfirm ExecutionMode = "auto_confirm"
	ExecutionDryRun      ExecutionMode = "dry_run"
	ExecutionInteractive ExecutionMode = "interactive"
)

// Values lists every ExecutionMode.
func (ExecutionMode) Values() []ExecutionMode {
	return []ExecutionMode{ExecutionConfirmed, ExecutionAutoConfirm, ExecutionDryRun, ExecutionInteractive}
}

// ExitCodeCategory says how a command ended.
type ExitCodeCategory string

// Every ExitCodeCategory of the contract.
const (
	ExitCodeSuccess ExitCodeCategory = "success"
	ExitCodeError   ExitCodeCategory = "error"
	ExitCodeTimeout ExitCodeCategory = "timeout"
)

// Values lists every ExitCodeCategory.
func (ExitCodeCategory) Values() []ExitCodeCategory {
	return []ExitCodeCategory{ExitCodeSuccess, ExitCodeError, ExitCodeTimeout}
}

// ExitReason says why a run ended.
type ExitReason string

// Every ExitReason of the contract.
const (
	ExitUserComplete ExitReason = "user_complete"
	ExitUserAbort    ExitReason = "user_abort"
	ExitError        ExitReason = "error"
	ExitTimeout      ExitReason = "timeout"
)

// Values lists every ExitReason.
func (ExitReason) Values() []ExitReason {
	return []ExitReason{ExitUserComplete, ExitUserAbort, ExitError, ExitTimeout}
}

// Action is what the safety check did.
type Action string

// Every Action of the contract.
const (
	ActionBlocked Action = "blocked"
	ActionWarned  Action = "warned"
	ActionAllowed Action = "allowed"
)

// Values lists every Action.
func (Action) Values() []Action {
	return []Action{ActionBlocked, ActionWarned, ActionAllowed}
}

// PatternCategory is a kind of danger.
type PatternCategory string

// Every PatternCategory of the contract.
const (
	PatternFilesystemDestruction PatternCategory = "filesystem_destruction"
	PatternPrivilegeEscalation   PatternCategory = "privilege_escalation"
	PatternDiskOperation         PatternCategory = "disk_operation"
	PatternNetworkExfiltration   PatternCategory = "network_exfiltration"
	PatternSystemModification    PatternCategory = "system_modification"
	PatternServiceControl        PatternCategory = "service_control"
	PatternConfigModification    PatternCategory = "config_modification"
	PatternOther                 PatternCategory = "other"
)

// Values lists every PatternCategory.
func (PatternCategory) Values() []PatternCategory {
	return []PatternCategory{PatternFilesystemDestruction, PatternPrivilegeEscalation, PatternDiskOperation, PatternNetworkExfiltration, PatternSystemModification, PatternServiceControl, PatternConfigModification, PatternOther}
}

// ErrorCategory is a kind of error.
type ErrorCategory string

// Every ErrorCategory of the contract.
const (
	ErrorBackendTimeout    ErrorCategory = "backend_timeout"
	ErrorBackendConnection ErrorCategory = "backend_connection"
	ErrorBackendParse      ErrorCategory = "backend_parse"
	ErrorModelLoad         ErrorCategory = "model_load"
	ErrorConfig            ErrorCategory = "config_error"
	ErrorValidation        ErrorCategory = "validation_error"
	ErrorExecution         ErrorCategory = "execution_error"
	ErrorUnknown           ErrorCategory = "unknown"
)

// Values lists every ErrorCategory.
func (ErrorCategory) Values() []ErrorCategory {
	return []ErrorCategory{ErrorBackendTimeout, ErrorBackendConnection, ErrorBackendParse, ErrorModelLoad, ErrorConfig, ErrorValidation, ErrorExecution, ErrorUnknown}
}

// SafetyLevel says how strict the safety check is set.
type SafetyLevel string

// Every SafetyLevel of the contract.
const (
	SafetyStrict     SafetyLevel = "strict"
	SafetyModerate   SafetyLevel = "moderate"
	SafetyPermissive SafetyLevel = "permissive"
)

// Values lists every SafetyLevel.
func (SafetyLevel) Values() []SafetyLevel {
	return []SafetyLevel{SafetyStrict, SafetyModerate, SafetyPermissive}
}

// OutputFormat says how results are printed.
type OutputFormat string

// Every OutputFormat of the contract.
const (
	OutputPlain OutputFormat = "plain"
	OutputJSON  OutputFormat = "json"
	OutputYAML  OutputFormat = "yaml"
)

// Values lists every OutputFormat.
func (OutputFormat) Values() []OutputFormat {
	return []OutputFormat{OutputPlain, OutputJSON, OutputYAML}
}
