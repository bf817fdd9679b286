//! The macros that make a plugin of a list of ops.

/// Declares a plugin without exporting it: a built-in, linked statically.
///
/// `declare_plugin! { pub PLUGIN, id: "org.isoscope.spectrum", ops: [MomentOp<IsoScore>] }` makes the static `PLUGIN`
/// (the table) and the constant `MANIFEST` (the bytes of the manifest) beside it. Call it in the crate's root with the
/// name `PLUGIN`, so that [`export_declared!`](crate::export_declared!) finds both. The version is that of the calling
/// crate.
#[macro_export]
macro_rules! declare_plugin {
    ($vis:vis $name:ident, id: $id:expr, ops: [$($op:ty),+ $(,)?] $(,)?) => {
        #[cfg(not(panic = "unwind"))]
        ::core::compile_error!("a plugin must catch its panics: remove panic = \"abort\" from the profile");

        /// Manifest of the plugin: JSON, made at compile time.
        $vis const MANIFEST: [u8; {
            $crate::__private::manifest_len(
                $id,
                ::core::env!("CARGO_PKG_VERSION"),
                &[$($crate::__private::OpEntry::of::<$op>()),+],
            )
        }] = $crate::__private::manifest(
            $id,
            ::core::env!("CARGO_PKG_VERSION"),
            &[$($crate::__private::OpEntry::of::<$op>()),+],
        );

        /// Table of the plugin.
        $vis static $name: $crate::__private::abi::iso_plugin = {
            static TEXT: [u8; MANIFEST.len()] = MANIFEST;
            const OPS: &[*const $crate::__private::abi::iso_op_vtable] =
                &[$($crate::__private::vtable::<$op>()),+];
            $crate::__private::plugin_table(&TEXT, OPS)
        };
    };
}

/// Exports the plugin that a crate declared with [`declare_plugin!`](crate::declare_plugin!).
///
/// This is all that the `cdylib` crate beside it holds: `export_declared!(isoscope_spectrum);`. The manifest goes into
/// the section that hosts read without running code; it must not be in the declaring crate, because a static of a
/// linked-in crate would appear in the section of every dependant.
#[macro_export]
macro_rules! export_declared {
    ($plugin:ident) => {
        $crate::__export_table!($plugin::PLUGIN, $plugin::MANIFEST);
    };
}

/// Declares and exports a plugin in one: `export_plugin!("org.example.mean-energy", MomentOp<MeanEnergy>);`.
///
/// Call it once, in the root of a crate of type `cdylib`. The version is that of the calling crate.
#[macro_export]
macro_rules! export_plugin {
    ($id:expr, $($op:ty),+ $(,)?) => {
        const _: () = {
            $crate::declare_plugin! { PLUGIN, id: $id, ops: [$($op),+] }
            $crate::__export_table!(PLUGIN, MANIFEST);
        };
    };
}

/// Puts a manifest into the section and exports the entry symbol.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_table {
    ($table:path, $manifest:path) => {
        const _: () = {
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__iso_manifest"))]
            #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = ".iso_manifest"))]
            #[cfg_attr(windows, unsafe(link_section = ".isoman"))]
            static SECTION: [u8; $manifest.len()] = $manifest;

            // The table points into the section, so the linker keeps it.
            static TABLE: $crate::__private::abi::iso_plugin =
                $crate::__private::with_manifest(&$table, &SECTION);

            #[unsafe(no_mangle)]
            extern "C" fn isoscope_plugin_entry_v1() -> *const $crate::__private::abi::iso_plugin {
                &raw const TABLE
            }
        };
    };
}
