package schema

import "strings"

// OSFromGo turns a GOOS name into the contract's. What has no name there is
// OSUnknown, so that no event is lost for it.
func OSFromGo(goos string) OS {
	switch goos {
	case "darwin":
		return OSMacOS
	case "linux":
		return OSLinux
	case "windows":
		return OSWindows
	}
	return OSUnknown
}

// ArchFromGo turns a GOARCH name into the contract's, or ArchUnknown.
func ArchFromGo(goarch string) Arch {
	switch goarch {
	case "arm64":
		return ArchAArch64
	case "amd64":
		return ArchX8664
	case "arm":
		return ArchARM
	}
	return ArchUnknown
}

// ShellFromName turns what SHELL or ComSpec hold, a name or a path, into the
// contract's name, or ShellUnknown. A login shell's leading dash and ".exe" do
// not matter; pwsh is PowerShell. Nothing of an unknown name is kept.
func ShellFromName(name string) Shell {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.TrimSuffix(strings.ToLower(strings.TrimPrefix(name, "-")), ".exe")
	if name == "pwsh" {
		return ShellPowerShell
	}
	for _, shell := range ShellUnknown.Values() {
		if string(shell) == name {
			return shell
		}
	}
	return ShellUnknown
}
