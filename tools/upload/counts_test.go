//go:build !torture

package upload

// torture is set by the build tag of that name: full counts.
const torture = false
