//go:build torture

package upload

const torture = true
